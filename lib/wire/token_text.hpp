#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/id.hpp"

namespace farkeep::wire {

/// An enrolment token as people copy it: one line of base32.
///
///   bytes := token 32 ‖ version 1 (1) ‖ number of servers 1 ‖ their ids, 16 each
///
/// The ids are those that may be given the token: the server that made it.  Whoever stole another server's key cannot pose as that one, so he gets no
/// token, whatever address he stands at.  Tokens of older servers are the first 32 bytes alone.
struct TokenText {
  Buffer token;
  std::vector<ServerId> servers;  ///< empty: any
};
inline constexpr std::size_t kTokenSize = 32;
inline constexpr std::size_t kMaxTokenServers = 8;

std::string token_text(ByteView token, std::span<const ServerId> servers);
/// Malformed: letters that are none of base32, no token, or something else behind it.
result<TokenText> parse_token_text(std::string_view text);
/// What a server looks up: older agents send all that they were given.
std::string_view bare_token(std::string_view sent);

}  // namespace farkeep::wire
