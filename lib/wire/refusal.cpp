#include "wire/refusal.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace farkeep::wire {
namespace {

constexpr std::size_t kMaxText = 1 * limits::kKiB;  // a few sentences; a log line
constexpr std::chrono::seconds kMaxRetryAfter = std::chrono::hours{1};

std::string printable(std::string_view text) {
  std::string out{text.substr(0, kMaxText)};
  for (auto& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

Errc code_of(std::uint32_t number) {
  bool const known = number >= static_cast<std::uint32_t>(Errc::malformed) && number <= static_cast<std::uint32_t>(Errc::incomplete);
  return known ? static_cast<Errc>(number) : Errc::protocol;
}

}  // namespace

pb::Failure to_failure(Errc code, std::string_view text, std::chrono::seconds retry_after) {
  pb::Failure message;
  message.set_code(static_cast<std::uint32_t>(code));
  message.set_text(printable(text));
  message.set_retry_after_s(static_cast<std::uint32_t>(std::clamp(retry_after, std::chrono::seconds{0}, kMaxRetryAfter).count()));
  return message;
}

Refusal to_refusal(const pb::Failure& message, std::string_view doing) {
  auto text = std::string{doing};
  if (!message.text().empty()) text += ": the server says \"" + printable(message.text()) + "\"";
  auto const after = std::min(std::chrono::seconds{message.retry_after_s()}, kMaxRetryAfter);
  return Refusal{code_of(message.code()), text, after};
}

}  // namespace farkeep::wire
