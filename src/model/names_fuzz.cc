// The small languages of the model: image references, placement constraints, templates, addresses.
#include "base/check.h"
#include "fuzz/fuzz.h"
#include "model/constraint.h"
#include "model/image_ref.h"
#include "model/ip.h"
#include "model/template.h"
#include "model/testing.h"

namespace shoal::fuzz {
namespace {

void image(std::string_view input) {
  const auto ref = model::parse_image_ref(input);
  if (!ref) return;
  // The short form means the same.
  const auto again = model::parse_image_ref(ref->familiar());
  CHECK(again && *again == *ref, "{}", ref->familiar());
  (void)ref->with_default_tag().familiar();
}

void constraint(std::string_view input) {
  const auto constraints = model::parse_constraints({std::string(input)});
  if (constraints) (void)model::matches(*constraints, model::full_node());
  (void)model::spread_value(std::string(input), model::full_node());
}

}  // namespace

void run(std::string_view input) {
  image(input);
  constraint(input);
  static const auto context = model::template_context(model::full_task(), model::full_node());
  (void)model::expand_template(input, context);
}

std::vector<std::string> seeds() {
  return {"web",
          "host:5000/team/web:2@sha256:" + std::string(64, 'a'),
          "[::1]:5000/a/b__c",
          "node.labels.zone == eu-1",
          "node.ip!=10.0.0.0/8",
          "node.ip==fd00::/48",
          "engine.labels.disk!=ssd",
          "{{.Service.Name}}-{{ .Task.Slot -}} {{join \"-\" .Node.ID (.Node.Hostname)}}",
          "{{index .Service.Labels \"zone\"}}{{- .Node.Platform.OS}}"};
}

}  // namespace shoal::fuzz
