#include "agent/image_fetcher.h"

namespace shoal::agent {

os::Co<Result<images::ImagePtr>> ImageFetcher::fetch(std::string reference,
                                                     std::string registry_auth,
                                                     os::StopToken stop) {
  for (;;) {
    Result<images::ImagePtr> here = images_.resolve(reference);
    if (here || here.error().code != ErrorCode::NotFound) co_return here;
    const auto found = pulls_.find(reference);
    if (found == pulls_.end()) break;
    const auto pull = found->second;
    while (!pull->outcome && !stop.stopped()) co_await pull->ended.wait(stop);
    if (stop.stopped()) co_return cancelled("the pull of {} was given up", reference);
    // One that was given up by its own task says nothing about the registry: try again.
    if (*pull->outcome || pull->outcome->error().code != ErrorCode::Cancelled) {
      co_return *pull->outcome;
    }
  }
  const auto pull = std::make_shared<Pull>();
  pulls_.emplace(reference, pull);
  images::PullRequest request{.reference = reference, .registry_auth = std::move(registry_auth)};
  images::ProgressSink nobody = [](const images::Progress&) {};
  pull->outcome = co_await images_.pull(std::move(request), std::move(nobody), stop);
  if (!*pull->outcome && pull->outcome->error().code != ErrorCode::Cancelled) {
    pull->outcome = not_found("No such image: {} ({})", reference, pull->outcome->error().message);
  }
  pulls_.erase(reference);
  pull->ended.notify();
  co_return *pull->outcome;
}

}  // namespace shoal::agent
