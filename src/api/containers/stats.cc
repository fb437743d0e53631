// GET /containers/{id}/stats: what docker stats draws.
#include "api/containers/container_api.h"
#include "api/containers/net_counters.h"
#include "codec/json_writer.h"

namespace shoal::api {
namespace {

using codec::JsonWriter;

constexpr Duration kInterval = 1s;

struct Sample {
  engine::Stats stats;  // all zero when the container does not run
  std::vector<NetCounters> networks;
};

void write_cpu(JsonWriter& json, std::string_view name, const engine::Stats& stats) {
  json.key(name).begin_object();
  json.key("cpu_usage").begin_object();
  json.field("total_usage", stats.cpu_total_ns);
  json.field("usage_in_kernelmode", stats.cpu_kernel_ns);
  json.field("usage_in_usermode", stats.cpu_user_ns);
  json.end_object();
  json.field("system_cpu_usage", stats.system_cpu_ns);
  json.field("online_cpus", stats.cpu_count);
  json.key("throttling_data").begin_object();
  json.field("periods", stats.cpu_periods);
  json.field("throttled_periods", stats.cpu_throttled_periods);
  json.field("throttled_time", stats.cpu_throttled_ns);
  json.end_object();
  json.end_object();
}

void write_memory(JsonWriter& json, const engine::Stats& stats) {
  json.key("memory_stats").begin_object();
  json.field("usage", stats.memory_usage_bytes);
  json.optional_field("max_usage", stats.memory_max_usage_bytes);
  json.field("limit", stats.memory_limit_bytes);
  // The client subtracts the cache: v1 and v2 name it differently.
  json.key("stats").begin_object();
  json.field("total_inactive_file", stats.memory_inactive_file_bytes);
  json.field("inactive_file", stats.memory_inactive_file_bytes);
  json.end_object();
  json.end_object();
}

void write_block_io(JsonWriter& json, const engine::Stats& stats) {
  json.key("blkio_stats").begin_object();
  json.key("io_service_bytes_recursive").begin_array();
  const auto write = [&](std::string_view op, uint64_t bytes) {
    json.begin_object();
    json.field("major", 0).field("minor", 0).field("op", op).field("value", bytes);
    json.end_object();
  };
  write("read", stats.block_read_bytes);
  write("write", stats.block_write_bytes);
  json.end_array();
  json.end_object();
}

void write_networks(JsonWriter& json, const std::vector<NetCounters>& networks) {
  if (networks.empty()) return;
  json.key("networks").begin_object();
  for (const auto& network : networks) {
    json.key(network.name).begin_object();
    json.field("rx_bytes", network.received_bytes);
    json.field("rx_packets", network.received_packets);
    json.field("tx_bytes", network.sent_bytes);
    json.field("tx_packets", network.sent_packets);
    json.end_object();
  }
  json.end_object();
}

std::string stats_text(const containers::Container& container, const Sample& now,
                       const engine::Stats& before) {
  JsonWriter json;
  json.begin_object();
  json.field("read", now.stats.read_at);
  json.field("preread", before.read_at);
  json.field("name", "/" + container.name);
  json.field("id", container.id);
  json.field("num_procs", 0);
  json.key("pids_stats").begin_object();
  json.optional_field("current", now.stats.pids_current);
  json.optional_field("limit", now.stats.pids_limit);
  json.end_object();
  write_cpu(json, "cpu_stats", now.stats);
  write_cpu(json, "precpu_stats", before);
  write_memory(json, now.stats);
  write_block_io(json, now.stats);
  write_networks(json, now.networks);
  json.end_object();
  return json.take() + "\n";
}

os::Co<Result<Sample>> take_sample(os::Loop& loop, containers::Containers& containers,
                                   containers::ContainerRef container) {
  Sample sample;
  CO_ASSIGN_OR_RETURN(const auto stats, co_await containers.stats(container->id));
  if (!stats) co_return sample;
  sample.stats = *stats;
  auto read = [pid = container->state.pid] { return read_net_counters(pid); };
  sample.networks = co_await loop.offload(std::move(read));
  co_return sample;
}

}  // namespace

os::Co<Result<void>> ContainerApi::stats(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto container, find(request));
  const bool stream = !request.has_query("stream") || request.query_flag("stream");
  const bool one_shot = request.query_flag("one-shot");
  if (stream && one_shot) {
    co_return invalid_argument("cannot have stream=true and one-shot=true");
  }
  CO_ASSIGN_OR_RETURN(Sample sample, co_await take_sample(loop_, containers_, container));
  if (!stream) {
    engine::Stats before;
    if (!one_shot && container->state.is_running()) {
      // Usage in percent is the difference of two samples.
      before = sample.stats;
      if (!co_await loop_.sleep(kInterval, request.stop)) co_return cancelled("the client is gone");
      CO_ASSIGN_OR_RETURN(sample, co_await take_sample(loop_, containers_, container));
    }
    responder.json(200, stats_text(*container, sample, before));
    co_return Result<void>{};
  }
  Response head;
  CO_RETURN_IF_ERROR(co_await responder.start(std::move(head)));
  engine::Stats before;
  while (!request.stop.stopped()) {
    std::string text = stats_text(*container, sample, before);
    CO_RETURN_IF_ERROR(co_await responder.write(std::move(text)));
    before = sample.stats;
    if (!co_await loop_.sleep(kInterval, request.stop)) break;
    auto next = co_await take_sample(loop_, containers_, container);
    if (!next) break;  // The container is gone: so is its stream.
    sample = std::move(*next);
  }
  co_return Result<void>{};
}

}  // namespace shoal::api
