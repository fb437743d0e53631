// AssignmentsMessage, as an agent reads it. What decodes, encodes to bytes that decode to the same.
#include "base/check.h"
#include "codec/wire/dispatcher.h"
#include "fuzz/fuzz.h"
#include "model/testing.h"

namespace shoal::fuzz {

void run(std::string_view input) {
  const auto read = wire::decode_assignments(input);
  if (!read) return;
  const auto again = wire::decode_assignments(wire::encode(*read));
  CHECK(again, "{}", again.error().message);
  CHECK(again->changes.size() == read->changes.size());
  for (size_t i = 0; i < read->changes.size(); ++i) {
    const auto &before = read->changes[i].task, &after = again->changes[i].task;
    CHECK(bool(before) == bool(after));
    // An empty owner of a secret or config is sent as "0".
    if (before && before->spec->container.secrets.empty() &&
        before->spec->container.configs.empty()) {
      CHECK(*before == *after);
    }
  }
}

std::vector<std::string> seeds() {
  const auto task = std::make_shared<const model::Task>(model::full_task());
  model::AssignmentsMessage message{
      .type = model::AssignmentsType::Incremental, .applies_to = "1", .results_in = "2"};
  message.changes = {{model::AssignmentAction::Update, task->id, task},
                     {model::AssignmentAction::Remove, task->id, nullptr}};
  return {wire::encode(message), wire::encode(model::AssignmentsMessage{.results_in = "1"})};
}

}  // namespace shoal::fuzz
