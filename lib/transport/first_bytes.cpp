#include "transport/first_bytes.hpp"

#include <algorithm>
#include <string_view>

#include "base/hex.hpp"

namespace farkeep {
namespace {

constexpr std::uint8_t kAlert = 21, kHandshake = 22;  // RFC 8446 §5.1
constexpr std::size_t kQuotedBytes = 64;

// One line of it, in quotes.
std::string quote(ByteView bytes) {
  std::string out = "\"";
  for (std::uint8_t b : bytes.first(std::min(bytes.size(), kQuotedBytes))) {
    if (b == '\r' || b == '\n') break;
    if (b >= 0x20 && b < 0x7f && b != '"' && b != '\\') {
      out += static_cast<char>(b);
    } else {
      out += "\\x" + hex(ByteView{&b, 1});
    }
  }
  return out + "\"";
}

bool is_http_request(std::string_view text) {
  for (std::string_view verb : {"GET ", "POST ", "HEAD ", "PUT ", "CONNECT ", "OPTIONS "})
    if (text.starts_with(verb)) return true;
  return false;
}

}  // namespace

std::optional<std::string> not_tls(ByteView first_bytes) {
  if (first_bytes.empty()) return std::nullopt;
  const std::uint8_t first = first_bytes.front();
  const bool version_fits = first_bytes.size() < 2 || first_bytes[1] == 3;
  if ((first == kHandshake || first == kAlert) && version_fits) return std::nullopt;

  const std::string_view text = as_text(first_bytes);
  const std::string quoted = ": " + quote(first_bytes);
  if (text.starts_with("HTTP")) return "an HTTP server or proxy" + quoted;
  if (text.starts_with("<")) return "a web page, as of a network that wants a login first" + quoted;
  if (text.starts_with("SSH-")) return "an SSH server" + quoted;
  if (text.starts_with("PROXY ")) return "a proxy that prepends the PROXY protocol, which must be off" + quoted;
  if (text.starts_with("220") || text.starts_with("* OK")) return "a mail or file server" + quoted;
  if (is_http_request(text)) return "an HTTP client" + quoted;
  if (first == 5 || (first == 4 && first_bytes.size() > 1 && first_bytes[1] <= 2)) return "SOCKS" + quoted;
  if (first == 0 && first_bytes.size() > 1 && first_bytes[1] >= 0x5a && first_bytes[1] <= 0x5d)
    return "a SOCKS4 proxy" + quoted;
  return "something that is not TLS" + quoted;
}

}  // namespace farkeep
