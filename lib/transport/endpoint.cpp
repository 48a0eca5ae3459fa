#include "transport/endpoint.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace farkeep {
namespace {

constexpr std::size_t kLongest = 64;  // the longest that parses has 47 characters

result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  if (text.empty() || text.size() > 5 || text.front() == '0') return Errc::malformed;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return Errc::malformed;
  return port;
}

// Only characters of an address reach the system's parser, which would take zones and, on some systems, more.
bool only(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

result<asio::ip::address> parse_v4(std::string_view text) {
  boost::system::error_code error;
  if (!only(text, "0123456789.")) return Errc::malformed;
  // Not every system's parser refuses "010.0.0.1", and those that do not disagree whether it is octal.
  for (std::size_t i = 0; i + 1 < text.size(); ++i)
    if (text[i] == '0' && (i == 0 || text[i - 1] == '.') && text[i + 1] != '.') return Errc::malformed;
  auto address = asio::ip::make_address_v4(text, error);
  if (error) return Errc::malformed;
  return asio::ip::address{address};
}

result<asio::ip::address> parse_v6(std::string_view text) {
  boost::system::error_code error;
  if (!only(text, "0123456789abcdefABCDEF:.")) return Errc::malformed;
  auto address = asio::ip::make_address_v6(text, error);
  if (error || address.is_v4_mapped()) return Errc::malformed;
  return asio::ip::address{address};
}

bool looks_like_a_name(std::string_view host) {
  if (host.empty()) return false;
  const bool name_characters = std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '_';
  });
  return name_characters && host.find_first_not_of("0123456789.") != std::string_view::npos;
}

}  // namespace

result<Endpoint> Endpoint::parse(std::string_view text) {
  if (text.size() > kLongest)
    return looks_like_a_name(text.substr(0, text.find(':'))) ? Errc::configuration : Errc::malformed;
  std::string_view host = text;
  std::optional<std::string_view> port;
  bool v6 = false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return Errc::malformed;
    host = text.substr(1, end - 1);
    v6 = true;
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty()) {
      if (rest.front() != ':') return Errc::malformed;
      port = rest.substr(1);
    }
  } else if (std::count(text.begin(), text.end(), ':') > 1) {
    v6 = true;
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (!v6 && looks_like_a_name(host)) return Errc::configuration;

  auto address = v6 ? parse_v6(host) : parse_v4(host);
  if (!address) return address.error();
  Endpoint endpoint{*address};
  if (port) {
    auto number = parse_port(*port);
    if (!number) return number.error();
    endpoint.port = *number;
  }
  return endpoint;
}

std::string Endpoint::text() const {
  const std::string host = address.to_string();
  return (address.is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace farkeep
