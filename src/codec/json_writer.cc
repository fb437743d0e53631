#include "codec/json_writer.h"

#include <charconv>

namespace shoal::codec {
namespace {

// The one thing that all writers share: encoding runs on the pool, far from who knows the clock.
int64_t shown_lead = 0;

// The length of the valid UTF-8 sequence at the start of `text`; 0 when it is not valid.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? uint8_t(text[i]) : uint8_t{0}; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = lead == 0xED && byte(1) >= 0xA0;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const bool overlong = lead == 0xF0 && byte(1) < 0x90;
    const bool too_high = lead == 0xF4 && byte(1) >= 0x90;
    return tail(1) && tail(2) && tail(3) && !overlong && !too_high ? 4 : 0;
  }
  return 0;
}

bool is_plain(char c) {
  return uint8_t(c) >= 0x20 && uint8_t(c) < 0x80 && c != '"' && c != '\\';
}

void append_escape(std::string& out, char c) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[uint8_t(c) >> 4];
      out += kHex[uint8_t(c) & 15];
  }
}

template <class T>
void append_number(std::string& out, T number) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number);
  out.append(buffer, end);
}

}  // namespace

void JsonWriter::separate() {
  if (!first_) text_ += ',';
  first_ = false;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  text_ += bracket;
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  text_ += bracket;
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  quote(name);
  text_ += ':';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  quote(text);
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  text_ += json;
  return *this;
}

JsonWriter& JsonWriter::integer(int64_t number) {
  separate();
  append_number(text_, number);
  return *this;
}

JsonWriter& JsonWriter::natural(uint64_t number) {
  separate();
  append_number(text_, number);
  return *this;
}

JsonWriter& JsonWriter::value(double number) {
  separate();
  append_number(text_, number);
  return *this;
}

JsonWriter& JsonWriter::value(float number) {
  separate();
  append_number(text_, number);
  return *this;
}

void JsonWriter::show_times_with(Duration wall_lead) {
  __atomic_store_n(&shown_lead, wall_lead.count(), __ATOMIC_RELAXED);
}

Time JsonWriter::shown(Time time) {
  return time.is_set() ? time + Duration(__atomic_load_n(&shown_lead, __ATOMIC_RELAXED)) : time;
}

JsonWriter& JsonWriter::value(Time time) {
  return value(to_rfc3339(shown(time)));
}

JsonWriter& JsonWriter::value(const std::vector<std::string>& list) {
  begin_array();
  for (const auto& item : list) value(item);
  return end_array();
}

JsonWriter& JsonWriter::value(const std::map<std::string, std::string>& map) {
  begin_object();
  for (const auto& [name, text] : map) field(name, text);
  return end_object();
}

void JsonWriter::quote(std::string_view text) {
  text_ += '"';
  while (!text.empty()) {
    size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    text_.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    if (uint8_t(text[0]) < 0x80) {
      append_escape(text_, text[0]);
      text.remove_prefix(1);
    } else if (const size_t length = utf8_length(text); length != 0) {
      text_.append(text.substr(0, length));
      text.remove_prefix(length);
    } else {
      text_ += "\xEF\xBF\xBD";  // U+FFFD
      text.remove_prefix(1);
    }
  }
  text_ += '"';
}

}  // namespace shoal::codec
