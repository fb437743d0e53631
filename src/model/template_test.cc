#include "model/template.h"

#include <gtest/gtest.h>

namespace shoal::model {
namespace {

TemplateContext context() {
  return {.service_id = "sid",
          .service_name = "web",
          .service_labels = {{"tier", "front"}, {"a.b", "dotted"}},
          .node_id = "nid",
          .node_hostname = "host1",
          .node_platform = {"x86_64", "linux"},
          .task_id = "tid",
          .task_name = "web.2.tid",
          .task_slot = "2"};
}

TEST(Template, StandsForWhatItNames) {
  const std::pair<const char*, const char*> cases[] = {
      {"plain", "plain"},
      {"", ""},
      {"{{.Service.ID}} {{.Service.Name}}", "sid web"},
      {"{{.Node.ID}}/{{.Node.Hostname}}", "nid/host1"},
      {"{{.Node.Platform.OS}}-{{.Node.Platform.Architecture}}", "linux-x86_64"},
      {"{{ .Task.ID }}{{.Task.Name}}{{.Task.Slot}}", "tidweb.2.tid2"},
      {"{{.Service.Labels.tier}}", "front"},
      {"{{index .Service.Labels \"a.b\"}}", "dotted"},
      {"{{join \"-\" .Service.Name .Task.Slot `x`}}", "web-2-x"},
      {"{{join \".\" (index .Service.Labels \"tier\") \"q\\\"\"}}", "front.q\""},
      {"a {{- .Task.Slot -}} b", "a2b"},
      {"}} { {", "}} { {"},
  };
  for (const auto& [text, expected] : cases) {
    const auto expanded = expand_template(text, context());
    ASSERT_TRUE(expanded) << text << ": " << expanded.error().message;
    EXPECT_EQ(*expanded, expected);
  }
}

TEST(Template, SaysWhyItCannotBeExpanded) {
  const std::pair<const char*, const char*> cases[] = {
      {"{{.Task.Slot", "unclosed action"},
      {"{{}}", "missing value"},
      {"{{.Nonsense}}", "can't evaluate field Nonsense"},
      {"{{.Service.Labels.none}}", "map has no entry for key \"none\""},
      {"{{.Service.Labels}}", "labels are no text"},
      {"{{env \"HOME\"}}", "function \"env\" not defined"},
      {"{{.Task.Slot | printf}}", "unexpected"},
      {"{{\"open}}", "unterminated quoted string"},
      {"{{(.Task.Slot}}", "unclosed left paren"},
      {"{{index .Task.Slot \"x\"}}", "index takes"},
      {"{{join .Service.Labels}}", "join takes texts"},
      {"{{((((((((((((((((((.Task.ID))))))))))))))))))}}", "nested too deeply"},
  };
  for (const auto& [text, reason] : cases) {
    const auto expanded = expand_template(text, context());
    ASSERT_FALSE(expanded) << text;
    EXPECT_NE(expanded.error().message.find(reason), std::string::npos) << expanded.error().message;
  }
}

TEST(Template, IsExpandedOnlyWhereSwarmDoes) {
  ContainerSpec spec;
  spec.env = {"NAME={{.Task.Name}}", "{{.Task.ID}}", "PLAIN=x"};
  spec.hostname = "{{.Service.Name}}-{{.Task.Slot}}";
  spec.args = {"{{.Task.Slot}}"};
  spec.labels = {{"l", "{{.Task.Slot}}"}};
  spec.mounts = {{.source = "data-{{.Task.Slot}}", .target = "/{{.Service.Name}}"}};
  const auto expanded = expand_templates(spec, context());
  ASSERT_TRUE(expanded);
  EXPECT_EQ(expanded->env, (std::vector<std::string>{"NAME=web.2.tid", "{{.Task.ID}}", "PLAIN=x"}));
  EXPECT_EQ(expanded->hostname, "web-2");
  EXPECT_EQ(expanded->args, spec.args);
  EXPECT_EQ(expanded->labels, spec.labels);
  EXPECT_EQ(expanded->mounts[0].source, "data-2");
  EXPECT_EQ(expanded->mounts[0].target, "/web");
}

TEST(Template, TheErrorNamesThePart) {
  ContainerSpec spec;
  spec.hostname = "{{.Oops}}";
  EXPECT_TRUE(
      expand_templates(spec, context()).error().message.starts_with("expanding hostname failed: "));
}

}  // namespace
}  // namespace shoal::model
