#include "wire/token_text.hpp"

#include "base/hex.hpp"

namespace farkeep::wire {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHead = kTokenSize + 2;

// Whether ids stand behind the token.
bool names_servers(ByteView bytes) {
  return bytes.size() > kHead && bytes[kTokenSize] == kVersion && bytes[kTokenSize + 1] >= 1 && bytes[kTokenSize + 1] <= kMaxTokenServers &&
         bytes.size() == kHead + bytes[kTokenSize + 1] * ServerId::kSize;
}

}  // namespace

std::string token_text(ByteView token, std::span<const ServerId> servers) {
  Buffer out = to_buffer(token);
  if (!servers.empty() && servers.size() <= kMaxTokenServers && token.size() == kTokenSize) {
    out.push_back(kVersion);
    out.push_back(static_cast<std::uint8_t>(servers.size()));
    for (auto const& id : servers) append(out, id.view());
  }
  return base32(out);
}

result<TokenText> parse_token_text(std::string_view text) {
  auto const bytes = unbase32(text);
  if (!bytes || bytes->empty()) return Errc::malformed;
  if (bytes->size() <= kTokenSize) return TokenText{*bytes, {}};
  if (!names_servers(*bytes)) return Errc::malformed;
  TokenText out;
  out.token = to_buffer(ByteView{*bytes}.first(kTokenSize));
  for (auto rest = ByteView{*bytes}.subspan(kHead); !rest.empty(); rest = rest.subspan(ServerId::kSize)) {
    auto const id = ServerId::from(rest.first(ServerId::kSize));
    if (!id) return Errc::malformed;
    out.servers.push_back(*id);
  }
  return out;
}

std::string_view bare_token(std::string_view sent) { return names_servers(as_bytes(sent)) ? sent.substr(0, kTokenSize) : sent; }

}  // namespace farkeep::wire
