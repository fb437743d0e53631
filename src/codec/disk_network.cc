// Networks on disk.
#include "codec/disk.h"
#include "codec/disk_parts.h"
#include "codec/disk_record.h"

namespace shoal::codec {
namespace {

using codec::get;  // besides those of this file
using codec::put;

void put(const model::IpamConfig& in, disk::IpamConfig* out) {
  out->set_subnet(in.subnet);
  out->set_range(in.range);
  out->set_gateway(in.gateway);
  put_labels(in.auxiliary, out->mutable_auxiliary());
}

std::vector<model::IpamConfig> ipam_from(const auto& in) {
  std::vector<model::IpamConfig> all;
  all.reserve(size_t(in.size()));
  for (const disk::IpamConfig& config : in) {
    all.push_back({.subnet = config.subnet(),
                   .range = config.range(),
                   .gateway = config.gateway(),
                   .auxiliary = labels_from(config.auxiliary())});
  }
  return all;
}

void put(const model::NetworkSpec& in, disk::NetworkSpec* out) {
  put(in.annotations, out->mutable_annotations());
  put(in.driver, out->mutable_driver());
  out->set_ipv6(in.ipv6);
  out->set_internal(in.internal);
  out->set_attachable(in.attachable);
  out->set_ingress(in.ingress);
  put(in.ipam_driver, out->mutable_ipam_driver());
  for (const model::IpamConfig& config : in.ipam) put(config, out->add_ipam());
}

model::NetworkSpec get(const disk::NetworkSpec& in, Fault& fault) {
  model::NetworkSpec out;
  out.annotations = get(in.annotations(), fault);
  out.driver = get(in.driver(), fault);
  out.ipv6 = in.ipv6();
  out.internal = in.internal();
  out.attachable = in.attachable();
  out.ingress = in.ingress();
  out.ipam_driver = get(in.ipam_driver(), fault);
  out.ipam = ipam_from(in.ipam());
  return out;
}

}  // namespace

std::string to_disk(const model::Network& network) {
  disk::Network out;
  out.set_id(network.id.str());
  put_meta(network.meta, out.mutable_meta());
  put(network.spec, out.mutable_spec());
  if (network.allocation) {
    disk::NetworkAllocation* allocation = out.mutable_allocation();
    for (const model::IpamConfig& config : network.allocation->ipam) {
      put(config, allocation->add_ipam());
    }
    allocation->set_vni(network.allocation->vni);
  }
  out.set_error(network.error);
  return framed(out);
}

Result<model::Network> network_from_disk(std::string_view bytes) {
  return read_record<disk::Network>(bytes, [](const disk::Network& in, Fault& fault) {
    model::Network out;
    out.id = id_from<model::NetworkId>(in.id(), true, fault);
    out.meta = meta_from(in.meta());
    out.spec = get(in.spec(), fault);
    if (in.has_allocation()) {
      out.allocation = model::NetworkAllocation{.ipam = ipam_from(in.allocation().ipam()),
                                                .vni = in.allocation().vni()};
    }
    out.error = in.error();
    return out;
  });
}

}  // namespace shoal::codec
