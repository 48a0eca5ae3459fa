#include "config/address.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <optional>

#include "config/ascii.hpp"
#include "config/parsed.hpp"

namespace farkeep {
namespace {

using V4 = std::array<std::uint8_t, 4>;
using V6 = std::array<std::uint16_t, 8>;
constexpr std::array<std::uint16_t, 6> kMappedPrefix{0, 0, 0, 0, 0, 0xffff};  // ::ffff:0:0/96

/// Up to `most` decimal digits without a leading zero (which some programs read as octal).
std::optional<unsigned> decimal(std::string_view text, unsigned most) {
  unsigned value = 0;
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

std::optional<V4> read_v4(std::string_view text) {
  V4 out{};
  for (std::size_t i = 0; i < 4; ++i) {
    std::size_t const end = i < 3 ? text.find('.') : text.size();
    if (end == text.npos) return std::nullopt;
    auto const part = decimal(text.substr(0, end), 255);
    if (!part) return std::nullopt;
    out[i] = static_cast<std::uint8_t>(*part);
    text.remove_prefix(i < 3 ? end + 1 : end);
  }
  return out;
}

/// Groups of hex, the last perhaps an IPv4 address; at most eight.  How many there are, or nothing.
std::optional<std::size_t> read_groups(std::string_view text, V6& out) {
  std::size_t count = 0;
  while (!text.empty()) {
    std::size_t const colon = text.find(':');
    std::string_view const group = text.substr(0, colon);
    if (colon == text.npos && group.find('.') != group.npos) {
      auto const v4 = read_v4(group);
      if (!v4 || count > 6) return std::nullopt;
      out[count++] = static_cast<std::uint16_t>((*v4)[0] << 8 | (*v4)[1]);
      out[count++] = static_cast<std::uint16_t>((*v4)[2] << 8 | (*v4)[3]);
      return count;
    }
    unsigned value = 0;
    auto const [end, error] = std::from_chars(group.data(), group.data() + group.size(), value, 16);
    if (error != std::errc{} || end != group.data() + group.size() || group.size() > 4 || count == 8)
      return std::nullopt;
    out[count++] = static_cast<std::uint16_t>(value);
    if (colon == text.npos) return count;
    text.remove_prefix(colon + 1);
    if (text.empty()) return std::nullopt;  // a single colon at the end
  }
  return count;
}

std::optional<V6> read_v6(std::string_view text) {
  V6 out{};
  std::size_t const gap = text.find("::");
  if (gap == text.npos) return read_groups(text, out) == 8u ? std::optional{out} : std::nullopt;
  V6 tail{};
  std::string_view const left = text.substr(0, gap), right = text.substr(gap + 2);
  if (left.find('.') != left.npos || right.starts_with(':')) return std::nullopt;
  auto const before = read_groups(left, out), after = read_groups(right, tail);
  if (!before || !after || *before + *after > 7) return std::nullopt;
  for (std::size_t i = 0; i < *after; ++i) out[8 - *after + i] = tail[i];
  return out;
}

std::string write_v4(const V4& ip) {
  return std::to_string(ip[0]) + "." + std::to_string(ip[1]) + "." + std::to_string(ip[2]) + "." +
         std::to_string(ip[3]);
}

/// RFC 5952: lower case, the first longest run of at least two zero groups as "::".
std::string write_v6(const V6& ip) {
  std::size_t gap = 8, length = 1;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t n = 0;
    while (i + n < 8 && ip[i + n] == 0) ++n;
    if (n > length) gap = i, length = n;
  }
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == gap) {
      out += "::";
      i += length - 1;
      continue;
    }
    char group[8];
    std::snprintf(group, sizeof group, "%x", ip[i]);
    if (!out.empty() && out.back() != ':') out += ':';
    out += group;
  }
  return out;
}

/// The address, or why not.
Value<std::string> read_ip(std::string_view host, std::string_view whole) {
  if (auto const v4 = read_v4(host)) {
    if ((*v4)[0] >= 224) return refused(in_quotes(whole) + " is a multicast or reserved address");
    return write_v4(*v4);
  }
  if (auto const v6 = read_v6(host)) {
    if ((*v6)[0] >= 0xff00) return refused(in_quotes(whole) + " is a multicast address");
    if (std::equal(v6->begin(), v6->begin() + 6, kMappedPrefix.begin())) {
      return refused(in_quotes(whole) + " is an IPv4 address in disguise: write it as IPv4");
    }
    return write_v6(*v6);
  }
  if (host.find('%') != host.npos)
    return refused(in_quotes(whole) + " has a zone id, which only this machine understands");
  bool const is_name = host.find(':') == host.npos && host.find_first_not_of("0123456789./") != host.npos;
  if (is_name) return refused("servers are addressed by IP address, not by name: " + in_quotes(whole));
  return refused(in_quotes(whole) + " is not an IP address: write ip or ip:port, and [ipv6]:port");
}

/// A host and the text behind its colon, not looked at yet.
struct HostAndPort {
  std::string_view host;
  std::optional<std::string_view> port;
};

/// The port is behind "]", or behind the only colon.
Value<HostAndPort> split(std::string_view text) {
  HostAndPort out{text, std::nullopt};
  if (text.starts_with('[')) {
    std::size_t const end = text.find(']');
    if (end == text.npos) return refused(in_quotes(text) + ": ']' is missing");
    out.host = text.substr(1, end - 1);
    std::string_view const rest = text.substr(end + 1);
    if (!rest.empty() && rest[0] != ':') return refused(in_quotes(text) + " is not an IP address: write [ipv6]:port");
    if (!rest.empty()) out.port = rest.substr(1);
    if (out.host.find(':') == out.host.npos) return refused(in_quotes(text) + ": only IPv6 addresses stand in brackets");
  } else if (std::size_t const colon = text.find(':'); colon != text.npos && text.find(':', colon + 1) == text.npos) {
    out.host = text.substr(0, colon);
    out.port = text.substr(colon + 1);
  }
  return out;
}

Value<std::uint16_t> read_port(std::string_view port, std::string_view whole) {
  auto const number = decimal(port, 65535);
  if (!number || *number == 0) return refused(in_quotes(whole) + ": the port is not a number from 1 to 65535");
  return static_cast<std::uint16_t>(*number);
}

/// RFC 1123 §2.1; the last label is not all digits, or it would be a mistyped IP address.
bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  std::size_t label = 0;
  bool digits_only = true;
  for (std::size_t i = 0; i <= name.size(); ++i) {
    if (i == name.size() || name[i] == '.') {
      if (label == 0 || label > 63 || name[i - 1] == '-') return false;
      if (i < name.size()) digits_only = true;
      label = 0;
      continue;
    }
    char const c = name[i];
    bool const digit = c >= '0' && c <= '9';
    bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!digit && !letter && (c != '-' || label == 0)) return false;
    digits_only = digits_only && digit;
    ++label;
  }
  return !digits_only;
}

}  // namespace

Value<ServerAddress> parse_address(std::string_view text) {
  auto const parts = split(text);
  if (!parts) return parts.error();
  auto ip = read_ip(parts->host, text);
  if (!ip) return ip.error();
  ServerAddress out{std::move(*ip), kServerPort};
  if (parts->port) {
    auto const port = read_port(*parts->port, text);
    if (!port) return port.error();
    out.port = *port;
  }
  return out;
}

Value<HostAddress> parse_host(std::string_view text, std::uint16_t fallback) {
  auto const parts = split(text);
  if (!parts) return parts.error();
  HostAddress out{{}, fallback};
  if (is_host_name(parts->host)) {
    out.host = ascii::lower(parts->host);
  } else {
    auto ip = read_ip(parts->host, text);
    if (!ip && (parts->host.find(':') == parts->host.npos || text.find("//") != text.npos))
      return refused(in_quotes(text) + " is neither an IP address nor a name: write host:port, such as proxy.example.net:1080");
    if (!ip) return ip.error();
    out.host = std::move(*ip);
  }
  if (parts->port) {
    auto const port = read_port(*parts->port, text);
    if (!port) return port.error();
    out.port = *port;
  }
  if (out.port == 0) return refused(in_quotes(text) + " has no port: write host:port");
  return out;
}

Value<Mapping> parse_mapping(std::string_view text) {
  constexpr std::string_view kVia = " via ";
  std::size_t const at = text.find(kVia);
  if (at == text.npos) return refused(in_quotes(text) + " is not a mapping: write destination via firewall:port, such as 192.0.2.10 via fw.example.net:40001");
  auto const trim = [](std::string_view part) {
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    return part;
  };
  auto destination = parse_address(trim(text.substr(0, at)));
  if (!destination) return destination.error();
  auto via = parse_host(trim(text.substr(at + kVia.size())), 0);
  if (!via) return via.error();
  if (via->to_string() == destination->to_string())
    return refused(in_quotes(text) + " maps the destination to itself: behind \"via\" stands the firewall's own address and the port that was chosen there");
  return Mapping{std::move(*destination), std::move(*via)};
}

}  // namespace farkeep
