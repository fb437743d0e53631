// Compiled seccomp filters. Compiling Docker's profile takes the runtime 5 ms of a processor for
// every container, and the result depends on the capabilities alone; so the filter that it compiled
// for the first container is given to the next ones as it is (crun's annotation
// run.oci.seccomp_bpf_data).
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shoal::engine {

// Any thread: containers are prepared on the pool.
class SeccompCache {
 public:
  // The filter for Docker's profile under these capabilities, in base64.
  std::optional<std::string> find(const std::vector<std::string>& capabilities) const;
  // Keeps what the runtime compiled; dropped when the cache is full (kEntriesMax).
  void keep(const std::vector<std::string>& capabilities, std::string_view filter);

  static constexpr size_t kEntriesMax = 64;

 private:
  mutable std::mutex mutex_;
  std::map<std::vector<std::string>, std::string> filters_;
};

}  // namespace shoal::engine
