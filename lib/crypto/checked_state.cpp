#include "crypto/checked_state.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "crypto/digest.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kCheck = 8;
constexpr std::string_view kMark = "FKc1";
static_assert(kCheck + kMark.size() == kStateTrailer);
// Field 2047, of a length that follows: 8.
constexpr std::array<std::uint8_t, 3> kField{0xfa, 0x7f, kCheck};

bool holds(ByteView body, ByteView check) { return equal(sha256(body).view().first(kCheck), check); }

}  // namespace

Buffer checked_body(Buffer body) {
  auto const sum = sha256(body);
  append(body, sum.view().first(kCheck));
  append(body, as_bytes(kMark));
  return body;
}

std::optional<ByteView> body_in(ByteView file) {
  if (file.size() < kStateTrailer || as_text(file.last(kMark.size())) != kMark) return file;
  auto const body = file.first(file.size() - kStateTrailer);
  if (!holds(body, file.last(kStateTrailer).first(kCheck))) return std::nullopt;
  return body;
}

Buffer checked_message(Buffer message) {
  auto const sum = sha256(message);
  append(message, ByteView{kField});
  append(message, sum.view().first(kCheck));
  return message;
}

std::optional<ByteView> message_in(ByteView file) {
  constexpr auto kTrailer = kField.size() + kCheck;
  if (file.size() < kTrailer || !std::equal(kField.begin(), kField.end(), file.last(kTrailer).begin())) return file;
  auto const message = file.first(file.size() - kTrailer);
  if (!holds(message, file.last(kCheck))) return std::nullopt;
  return message;
}

}  // namespace farkeep
