#include "model/image_ref.h"

#include <gtest/gtest.h>

namespace shoal::model {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

TEST(ImageRef, CompletesNamesAsDockerDoes) {
  struct Case {
    std::string text, domain, path, tag, digest, familiar;
  };
  const Case cases[] = {
      {"web", "docker.io", "library/web", "", "", "web"},
      {"web:2", "docker.io", "library/web", "2", "", "web:2"},
      {"library/web", "docker.io", "library/web", "", "", "web"},
      {"team/web", "docker.io", "team/web", "", "", "team/web"},
      {"docker.io/web", "docker.io", "library/web", "", "", "web"},
      {"index.docker.io/team/web:x", "docker.io", "team/web", "x", "", "team/web:x"},
      {"localhost/web", "localhost", "web", "", "", "localhost/web"},
      {"localhost:5000/web:1.0-rc_1", "localhost:5000", "web", "1.0-rc_1", "",
       "localhost:5000/web:1.0-rc_1"},
      {"127.0.0.1:5000/a/b__c/d-e.f", "127.0.0.1:5000", "a/b__c/d-e.f", "", "",
       "127.0.0.1:5000/a/b__c/d-e.f"},
      {"[::1]:5000/web", "[::1]:5000", "web", "", "", "[::1]:5000/web"},
      {"web@" + kDigest, "docker.io", "library/web", "", kDigest, "web@" + kDigest},
      {"web:2@" + kDigest, "docker.io", "library/web", "2", kDigest, "web:2@" + kDigest},
      {"Host/web", "Host", "web", "", "", "Host/web"},
  };
  for (const auto& c : cases) {
    const auto ref = parse_image_ref(c.text);
    ASSERT_TRUE(ref) << c.text << ": " << ref.error().message;
    EXPECT_EQ(*ref, (ImageRef{c.domain, c.path, c.tag, c.digest})) << c.text;
    EXPECT_EQ(ref->familiar(), c.familiar) << c.text;
  }
}

TEST(ImageRef, RefusesWhatDockerRefuses) {
  for (const std::string text : {"",
                                 ":",
                                 "web:",
                                 ":2",
                                 "web@",
                                 "web@sha256:abc",
                                 "we b",
                                 "-web",
                                 "web-",
                                 "a//b",
                                 "/web",
                                 "web/",
                                 "a..b",
                                 "a___b",
                                 "web:.x",
                                 "web:a b",
                                 "host:port/web",
                                 "http://web",
                                 "a/../b",
                                 "web@md5:"
                                 "d41d8cd98f00b204e9800998ecf8427e"}) {
    const auto ref = parse_image_ref(text);
    ASSERT_FALSE(ref) << text;
    EXPECT_EQ(ref.error().message, "invalid reference format") << text;
    EXPECT_EQ(ref.error().code, ErrorCode::InvalidArgument);
  }
}

TEST(ImageRef, SaysWhyUpperCaseAndHexAndLengthAreRefused) {
  EXPECT_EQ(parse_image_ref("Web").error().message,
            "invalid reference format: repository name (library/Web) must be lowercase");
  EXPECT_EQ(parse_image_ref(std::string(64, 'a')).error().message,
            "invalid repository name (" + std::string(64, 'a') +
                "), cannot specify 64-byte hexadecimal strings");
  EXPECT_FALSE(parse_image_ref(std::string(300, 'a')));
  EXPECT_FALSE(parse_image_ref("web:" + std::string(129, 'a')));
}

TEST(ImageRef, TheDefaultTagIsForNamesWithNeitherTagNorDigest) {
  EXPECT_EQ(parse_image_ref("web")->with_default_tag().familiar(), "web:latest");
  EXPECT_EQ(parse_image_ref("web:2")->with_default_tag().familiar(), "web:2");
  EXPECT_EQ(parse_image_ref("web@" + kDigest)->with_default_tag().familiar(), "web@" + kDigest);
}

}  // namespace
}  // namespace shoal::model
