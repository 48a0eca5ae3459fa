#include "wire/refusal.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "base/harmless.hpp"
#include "base/utf8.hpp"

namespace farkeep::wire {
namespace {

constexpr std::size_t kMaxText = 1 * limits::kKiB;  // a few sentences; a log line
constexpr std::chrono::seconds kMaxRetryAfter = std::chrono::hours{1};

// Cut between two characters: a text field that is no UTF-8 would be refused by whoever reads it.
std::string printable(std::string_view text) {
  std::string out = harmless_line(text.substr(0, kMaxText));
  for (std::size_t at = 0; at < out.size();) {
    std::size_t const n = utf8_character(std::string_view{out}.substr(at));
    if (n == 0 || at + n > kMaxText) out.resize(at);
    at += n;
  }
  return out;
}

// What a peer may say of itself and of what it was asked.  That this program is to stop, or was called or configured wrongly, is nobody
// else's to say: loops end at `cancelled`.
bool may_be_said(Errc code) {
  if (code >= Errc::malformed && code <= Errc::io) return true;
  return code == Errc::not_found || code == Errc::exists;
}

Errc code_of(std::uint32_t number) {
  bool const fits = number <= static_cast<std::uint32_t>(Errc::command);
  return fits && may_be_said(static_cast<Errc>(number)) ? static_cast<Errc>(number) : Errc::protocol;
}

}  // namespace

pb::Failure to_failure(Errc code, std::string_view text, std::chrono::seconds retry_after) {
  pb::Failure message;
  Errc const said = may_be_said(code) ? code : code == Errc::cancelled ? Errc::busy : Errc::protocol;  // what is stopped here can be asked again
  message.set_code(static_cast<std::uint32_t>(said));
  message.set_text(printable(text));
  message.set_retry_after_s(static_cast<std::uint32_t>(std::clamp(retry_after, std::chrono::seconds{0}, kMaxRetryAfter).count()));
  return message;
}

Refusal to_refusal(const pb::Failure& message, std::string_view doing) {
  auto text = std::string{doing};
  if (!message.text().empty()) text += ": the server says \"" + printable(message.text()) + "\"";
  auto const after = std::min(std::chrono::seconds{message.retry_after_s()}, kMaxRetryAfter);
  std::optional<WallTime> time;
  if (message.time_ns() > 0) time = WallTime{std::chrono::nanoseconds{message.time_ns()}};
  return Refusal{code_of(message.code()), text, after, time};
}

}  // namespace farkeep::wire
