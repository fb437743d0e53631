// Manifests and configurations of images, as registries and archives hold them.
#include "fuzz/fuzz.h"
#include "images/image_config.h"
#include "images/manifest.h"

namespace shoal::fuzz {

void run(std::string_view input) {
  const auto manifest = images::parse_manifest(input);
  if (manifest && manifest->is_list()) {
    (void)images::choose_platform(*manifest, {.architecture = "amd64", .os = "linux"});
  }
  const auto image = images::parse_image_config(input);
  if (image) (void)images::chain_ids(image->layers);
  images::ImageConfig config;
  (void)images::apply_change(config, input);
}

std::vector<std::string> seeds() {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const std::string blob = R"({"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" +
                           digest + R"(","size":7})";
  return {R"({"schemaVersion":2,"config":)" + blob + R"(,"layers":[)" + blob + "]}",
          R"({"schemaVersion":2,"manifests":[{"digest":")" + digest +
              R"(","size":7,"platform":{"os":"linux","architecture":"arm64","variant":"v8"}}]})",
          R"({"architecture":"amd64","os":"linux","created":"2026-01-02T03:04:05Z","config":{"Env":
["A=1"],"Cmd":["sh"],"ExposedPorts":{"80/tcp":{}},"Healthcheck":{"Test":["NONE"]}},"rootfs":{"type":
"layers","diff_ids":[")" +
              digest + R"("]},"history":[{"created_by":"x"},{"empty_layer":true}]})",
          R"(CMD ["sh", "-c", "a\"b"])",
          "ENV A=1 B=\"x y\"",
          "HEALTHCHECK --interval=5s CMD true",
          "LABEL \"a b\"=c",
          "EXPOSE 80/tcp 53/udp"};
}

}  // namespace shoal::fuzz
