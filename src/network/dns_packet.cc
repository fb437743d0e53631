#include "network/dns_packet.h"

#include <ldns/ldns.h>

#include <algorithm>

#include "base/check.h"
#include "network/names.h"

namespace shoal::network {
namespace {

constexpr size_t kQuestionTailBytes = 4;  // type and class
constexpr size_t kLabelMax = 63;
constexpr size_t kWireNameMax = 255;
constexpr uint8_t kReplyBit = 0x80;            // of the header's third byte
constexpr uint8_t kOpcodeAndRecursion = 0x79;  // of the same, without AA and TC
constexpr uint8_t kRecursionAvailable = 0x80;  // of the fourth
constexpr uint8_t kRcodeBits = 0x0f;

uint8_t byte_at(std::string_view packet, size_t at) {
  return uint8_t(packet[at]);
}

uint16_t number_at(std::string_view packet, size_t at) {
  return uint16_t(byte_at(packet, at) << 8 | byte_at(packet, at + 1));
}

// Where the first question ends. A pointer in it could only lead into the header: not taken.
std::optional<size_t> question_end(std::string_view packet) {
  size_t at = kDnsHeaderBytes;
  while (at < packet.size() && packet[at] != 0) {
    if (byte_at(packet, at) > kLabelMax) return std::nullopt;
    at += size_t{1} + byte_at(packet, at);
    if (at - kDnsHeaderBytes >= kWireNameMax) return std::nullopt;
  }
  const size_t end = at + 1 + kQuestionTailBytes;
  return end <= packet.size() ? std::optional(end) : std::nullopt;
}

// Labels joined by dots, when that is without a doubt the name that was asked for.
std::string name_in(std::string_view packet) {
  std::string name;
  for (size_t at = kDnsHeaderBytes; packet[at] != 0; at += size_t{1} + byte_at(packet, at)) {
    const auto label = packet.substr(at + 1, byte_at(packet, at));
    const auto fits = [](char c) { return c > ' ' && c < 0x7f && c != '.'; };
    if (!std::ranges::all_of(label, fits)) return {};
    if (!name.empty()) name += '.';
    name += label;
  }
  return name;
}

ldns_rdf* data_of(ldns_rdf_type type, std::span<const uint8_t> bytes) {
  auto* data = ldns_rdf_new_frm_data(type, bytes.size(), bytes.data());
  CHECK(data, "no memory");
  return data;
}

ldns_rdf* data_of(uint16_t number) {
  auto* data = ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, number);
  CHECK(data, "no memory");
  return data;
}

// Null when it is no host name.
ldns_rdf* data_of_name(const std::string& name) {
  return to_host_name(name).empty() ? nullptr : ldns_dname_new_frm_str(name.c_str());
}

// Puts one record together; takes over everything that it is given.
void push(ldns_pkt* packet, ldns_pkt_section section, ldns_rdf* owner, ldns_rr_type type,
          std::initializer_list<ldns_rdf*> data) {
  auto* record = ldns_rr_new();
  CHECK(record, "no memory");
  ldns_rr_set_owner(record, owner);
  ldns_rr_set_type(record, type);
  ldns_rr_set_class(record, LDNS_RR_CLASS_IN);
  ldns_rr_set_ttl(record, kDnsTimeToLiveSeconds);
  for (auto* part : data) ldns_rr_push_rdf(record, part);
  CHECK(ldns_pkt_push_rr(packet, section, record), "no memory");
}

// Writes the records of a reply to one question.
struct Writer {
  ldns_pkt* packet;
  const ldns_rdf* question;

  ldns_rdf* asked() const { return ldns_rdf_clone(question); }

  void add(ldns_pkt_section section, const DnsAddress& record) const {
    auto* owner = record.owner.empty() ? asked() : data_of_name(record.owner);
    if (!owner) return;
    const bool v4 = record.address.is_v4();
    push(packet, section, owner, v4 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA,
         {data_of(v4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA, record.address.bytes())});
  }
  void add(const DnsPointer& record) const {
    auto* target = data_of_name(record.target);
    if (target) push(packet, LDNS_SECTION_ANSWER, asked(), LDNS_RR_TYPE_PTR, {target});
  }
  void add(const DnsService& record) const {
    auto* target = data_of_name(record.target);
    if (!target) return;
    push(packet, LDNS_SECTION_ANSWER, asked(), LDNS_RR_TYPE_SRV,
         {data_of(uint16_t{0}), data_of(uint16_t{0}), data_of(record.port), target});
  }
};

// True when there was something to leave out.
bool shorten(DnsReply& reply) {
  const auto drop = [](auto& records) {
    if (records.empty()) return false;
    records.pop_back();
    return true;
  };
  return drop(reply.additional) || drop(reply.services) || drop(reply.pointers) ||
         drop(reply.addresses);
}

}  // namespace

Result<DnsQuery> DnsQuery::parse(std::string_view bytes) {
  if (bytes.size() < kDnsHeaderBytes) return invalid_argument("{} bytes", bytes.size());
  if (bytes.size() > kDnsMessageMax) return invalid_argument("{} bytes", bytes.size());
  const auto questions = number_at(bytes, 4);
  if (questions != 1) return invalid_argument("{} questions", questions);
  const auto end = question_end(bytes);
  if (!end) return invalid_argument("no whole question");
  ldns_pkt* packet = nullptr;
  const auto status =
      ldns_wire2pkt(&packet, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (status != LDNS_STATUS_OK) {
    return invalid_argument("{}", ldns_get_errorstr_by_id(status));
  }
  DnsQuery query;
  query.packet_ = std::shared_ptr<ldns_struct_pkt>(packet, ldns_pkt_free);
  if (ldns_rr_list_rr_count(ldns_pkt_question(packet)) != 1) return invalid_argument("no question");
  query.name_ = name_in(bytes);
  query.type_ = number_at(bytes, *end - 4);
  query.class_ = number_at(bytes, *end - 2);
  return query;
}

bool DnsQuery::is_reply() const {
  return ldns_pkt_qr(packet_.get());
}

bool DnsQuery::is_standard() const {
  return ldns_pkt_get_opcode(packet_.get()) == LDNS_PACKET_QUERY;
}

std::optional<uint8_t> DnsQuery::edns_version() const {
  if (!ldns_pkt_edns(packet_.get())) return std::nullopt;
  return ldns_pkt_edns_version(packet_.get());
}

size_t DnsQuery::datagram_bytes_max() const {
  if (!edns_version()) return kDnsDatagramMin;
  return std::clamp<size_t>(ldns_pkt_edns_udp_size(packet_.get()), kDnsDatagramMin,
                            kDnsDatagramMax);
}

std::string DnsQuery::encode(const DnsReply& reply, bool truncated) const {
  const std::unique_ptr<ldns_pkt, void (*)(ldns_pkt*)> owned(ldns_pkt_new(), ldns_pkt_free);
  auto* packet = owned.get();
  CHECK(packet, "no memory");
  const auto* asked = packet_.get();
  ldns_pkt_set_id(packet, ldns_pkt_id(asked));
  ldns_pkt_set_opcode(packet, ldns_pkt_get_opcode(asked));
  ldns_pkt_set_qr(packet, true);
  ldns_pkt_set_aa(packet, reply.rcode == DnsRcode::NoError || reply.rcode == DnsRcode::NoSuchName);
  ldns_pkt_set_tc(packet, truncated);
  ldns_pkt_set_rd(packet, ldns_pkt_rd(asked));
  ldns_pkt_set_cd(packet, ldns_pkt_cd(asked));
  ldns_pkt_set_ra(packet, true);
  const auto rcode = uint8_t(reply.rcode);
  ldns_pkt_set_rcode(packet, rcode & kRcodeBits);
  if (ldns_pkt_edns(asked)) {
    ldns_pkt_set_edns_udp_size(packet, uint16_t(kDnsDatagramMax));
    ldns_pkt_set_edns_extended_rcode(packet, rcode >> 4);
    ldns_pkt_set_edns_do(packet, ldns_pkt_edns_do(asked));
  }
  const auto* question = ldns_rr_list_rr(ldns_pkt_question(asked), 0);
  CHECK(ldns_pkt_push_rr(packet, LDNS_SECTION_QUESTION, ldns_rr_clone(question)), "no memory");
  const Writer writer{packet, ldns_rr_owner(question)};
  for (const auto& record : reply.addresses) writer.add(LDNS_SECTION_ANSWER, record);
  for (const auto& record : reply.pointers) writer.add(record);
  for (const auto& record : reply.services) writer.add(record);
  for (const auto& record : reply.additional) writer.add(LDNS_SECTION_ADDITIONAL, record);

  uint8_t* bytes = nullptr;
  size_t size = 0;
  const auto status = ldns_pkt2wire(&bytes, packet, &size);
  CHECK(status == LDNS_STATUS_OK, "{}", ldns_get_errorstr_by_id(status));
  std::string wire(reinterpret_cast<const char*>(bytes), size);
  LDNS_FREE(bytes);
  return wire;
}

std::string DnsQuery::reply(const DnsReply& whole, size_t bytes_max) const {
  auto wire = encode(whole, false);
  DnsReply part = wire.size() > bytes_max ? whole : DnsReply{};
  // Additional records are help that nobody misses; only a lost answer makes the reply a part.
  while (wire.size() > bytes_max && shorten(part)) {
    const bool lost = part.addresses.size() < whole.addresses.size() ||
                      part.services.size() < whole.services.size() ||
                      part.pointers.size() < whole.pointers.size();
    wire = encode(part, lost);
  }
  return wire;
}

uint16_t dns_id(std::string_view packet) {
  return packet.size() < kDnsHeaderBytes ? 0 : number_at(packet, 0);
}

void set_dns_id(std::string& packet, uint16_t id) {
  CHECK(packet.size() >= kDnsHeaderBytes, "{} bytes", packet.size());
  packet[0] = char(id >> 8);
  packet[1] = char(id);
}

DnsRcode dns_rcode(std::string_view packet) {
  CHECK(packet.size() >= kDnsHeaderBytes, "{} bytes", packet.size());
  return DnsRcode(byte_at(packet, 3) & kRcodeBits);
}

std::string dns_error_reply(std::string_view packet, DnsRcode rcode) {
  if (packet.size() < kDnsHeaderBytes || byte_at(packet, 2) & kReplyBit) return {};
  std::string reply(kDnsHeaderBytes, '\0');
  reply[0] = packet[0];
  reply[1] = packet[1];
  reply[2] = char((byte_at(packet, 2) & kOpcodeAndRecursion) | kReplyBit);
  reply[3] = char(kRecursionAvailable | (uint8_t(rcode) & kRcodeBits));
  return reply;
}

bool is_dns_reply_to(std::string_view packet, std::string_view query) {
  const auto end = question_end(query);
  if (!end || packet.size() < kDnsHeaderBytes || !(byte_at(packet, 2) & kReplyBit)) return false;
  if (dns_id(packet) != dns_id(query)) return false;
  const auto questions = number_at(packet, 4);
  if (questions == 0) return dns_rcode(packet) != DnsRcode::NoError;
  if (questions != 1 || packet.size() < *end) return false;
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; };
  const size_t size = *end - kDnsHeaderBytes;
  return std::ranges::equal(packet.substr(kDnsHeaderBytes, size),
                            query.substr(kDnsHeaderBytes, size), {}, lower, lower);
}

}  // namespace shoal::network
