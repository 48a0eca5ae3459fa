#include "transport/socks.hpp"

#include <optional>

#include "base/check.hpp"
#include "base/codec.hpp"
#include "base/hex.hpp"
#include "transport/first_bytes.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
using Step = Handshake::Step;

constexpr std::size_t kQuoted = 62;  // beyond the two bytes that were read
constexpr auto kQuoteWait = 200ms;

constexpr std::uint8_t kNoLogin = 0x00, kGssapi = 0x01, kUserPassword = 0x02, kNothingFits = 0xff;
constexpr std::uint8_t kConnect = 0x01, kIpv4 = 0x01, kName = 0x03, kIpv6 = 0x04;

void put(Buffer& out, std::initializer_list<unsigned> bytes) {
  for (unsigned b : bytes) out.push_back(static_cast<std::uint8_t>(b));
}

void put_port(Buffer& out, unsigned port) { put(out, {port >> 8U, port & 0xffU}); }

void put_text(Buffer& out, std::string_view text) {
  FARKEEP_CHECK(!text.empty() && text.size() <= 255);
  out.push_back(static_cast<std::uint8_t>(text.size()));
  append(out, as_bytes(text));
}

std::string quoted(ByteView bytes) { return "it answered " + hex(bytes); }

// What is common to both versions: who is spoken to, how long, and how it breaks.
class Socks : public Handshake {
 public:
  Socks(ProxyPlace place, const ProxyLogin& login, ProxyPatience patience) : place_(std::move(place)), login_(login), patience_(patience) {}

  [[noreturn]] void broken(Break how, ByteView part) final {
    const bool quiet = how == Break::timed_out;
    if (!part.empty()) {
      if (first_answer_ && !is_version(part[0])) foreign(part);
      fail(ProxyTrouble::malformed, quoted(part) + (quiet ? " and stopped" : " and closed"));
    }
    if (logging_in_ && !quiet) fail(ProxyTrouble::login_closed);
    if (replying_) fail(ProxyTrouble::malformed, quiet ? "it stopped in the middle of its reply" : "it closed in the middle of its reply");
    if (asked_) fail(quiet ? ProxyTrouble::behind_silent : ProxyTrouble::closed);
    fail(quiet ? ProxyTrouble::silent : ProxyTrouble::closed_at_once);
  }

 protected:
  virtual bool is_version(std::uint8_t first) const = 0;

  [[noreturn]] void fail(ProxyTrouble trouble, const std::string& seen = {}) const { throw proxy_error(trouble, place_, seen); }

  // The first answer begins wrongly: some more of it is read, only to be quoted.
  Step gather(ByteView begin) {
    foreign_ = Buffer(begin.begin(), begin.end());
    Step step;
    step.read = kQuoted;
    step.within = kQuoteWait;
    step.take_what_comes = true;
    return step;
  }
  bool gathering() const { return !foreign_.empty(); }
  [[noreturn]] void gathered(ByteView more) {
    append(foreign_, more);
    foreign(foreign_);
  }
  [[noreturn]] void foreign(ByteView bytes) const {
    const std::optional<std::string> what = not_tls(bytes);
    fail(ProxyTrouble::other_protocol, what ? "it is " + *what : "it speaks TLS: " + hex(bytes.first(std::min<std::size_t>(bytes.size(), 8))));
  }

  Step step(Buffer write, std::size_t read, std::chrono::nanoseconds within) const {
    Step s;
    s.write = std::move(write);
    s.read = read;
    s.within = within;
    return s;
  }

  const ProxyPlace place_;
  const ProxyLogin& login_;
  const ProxyPatience patience_;
  bool first_answer_ = true;
  bool replying_ = false;  // it granted the connection
  bool logging_in_ = false;  // user and password are told, and not answered
  bool asked_ = false;  // for the destination: what breaks from now on is about it

 private:
  Buffer foreign_;
};

// Network practice §2.4: 1. greeting  2. login  3. request  4. the reply's code  5. the rest of its head  6. the rest of it
class Socks5 final : public Socks {
 public:
  using Socks::Socks;

  Step start() override {
    Buffer greeting;
    if (login_.user.empty()) put(greeting, {5, 1, kNoLogin});
    else put(greeting, {5, 2, kNoLogin, kUserPassword});
    state_ = State::method;
    return step(std::move(greeting), 2, patience_.greeting);
  }

  Step received(ByteView bytes) override {
    if (gathering()) gathered(bytes);
    first_answer_ = false;
    switch (state_) {
      case State::method: return method(bytes);
      case State::login: return login(bytes);
      case State::code: return code(bytes);
      case State::bound: return bound(bytes);
      case State::name_size:
        state_ = State::rest;
        return step({}, bytes[0] + std::size_t{2}, patience_.greeting);
      case State::rest: return step({}, 0, 0ns);
    }
    return step({}, 0, 0ns);
  }

 private:
  enum class State { method, login, code, bound, name_size, rest };

  bool is_version(std::uint8_t first) const override { return first == 5; }

  Step method(ByteView bytes) {
    if (bytes[0] != 5) return gather(bytes);
    const std::uint8_t chosen = bytes[1];
    if (chosen == kNoLogin) return request();
    if (chosen == kUserPassword && login_.user.empty()) fail(ProxyTrouble::login_demanded, "it chose user and password, which were not offered");
    if (chosen == kUserPassword) {
      Buffer message;
      put(message, {1});
      put_text(message, login_.user);
      put_text(message, login_.password.text());
      state_ = State::login;
      logging_in_ = true;
      return step(std::move(message), 2, patience_.greeting);
    }
    if (chosen == kNothingFits) fail(login_.user.empty() ? ProxyTrouble::login_demanded : ProxyTrouble::login_kind);
    if (chosen == kGssapi) fail(ProxyTrouble::login_kind, "it chose GSSAPI, which was not offered");
    fail(ProxyTrouble::malformed, "it chose a login that was not offered: " + hex(bytes));
  }

  // The version byte of this answer is wrong in some proxies; the second byte is what counts.
  Step login(ByteView bytes) {
    if (bytes[1] != 0) fail(ProxyTrouble::login_refused);
    logging_in_ = false;
    return request();
  }

  Step request() {
    asked_ = true;
    Buffer message;
    const asio::ip::address& to = place_.destination.address;
    put(message, {5, kConnect, 0, to.is_v6() ? kIpv6 : kIpv4});
    if (to.is_v6()) append(message, to.to_v6().to_bytes());
    else append(message, to.to_v4().to_bytes());
    put_port(message, place_.destination.port);
    state_ = State::code;
    return step(std::move(message), 2, patience_.reply);
  }

  // A refusal is believed after its second byte: the rest of it may never come.  Only so much of a success is read as there is.
  Step code(ByteView bytes) {
    if (bytes[0] != 5) fail(ProxyTrouble::malformed, quoted(bytes));
    if (bytes[1] != 0) refused(bytes[1]);
    state_ = State::bound;
    replying_ = true;
    return step({}, 2, patience_.greeting);
  }

  Step bound(ByteView bytes) {
    state_ = State::rest;
    switch (bytes[1]) {
      case kIpv4: return step({}, 4 + 2, patience_.greeting);
      case kIpv6: return step({}, 16 + 2, patience_.greeting);
      case kName:
        state_ = State::name_size;
        return step({}, 1, patience_.greeting);
      default: fail(ProxyTrouble::malformed, "it answered 0500" + hex(bytes));
    }
  }

  [[noreturn]] void refused(std::uint8_t code) const {
    const std::string seen = "SOCKS5 reply " + std::to_string(code);
    switch (code) {
      case 1: fail(ProxyTrouble::general, seen);
      case 2: fail(ProxyTrouble::forbidden, seen);
      case 3:
      case 4: fail(ProxyTrouble::behind_no_way, seen);
      case 5: fail(ProxyTrouble::behind_refused, seen);
      case 6: fail(ProxyTrouble::behind_silent, seen);
      case 7: fail(ProxyTrouble::no_connect, seen);
      case 8: fail(ProxyTrouble::address_kind, seen);
      default: fail(ProxyTrouble::general, seen + ", which no standard knows");
    }
  }

  State state_ = State::method;
};

class Socks4 final : public Socks {
 public:
  using Socks::Socks;

  // There is no greeting: a proxy that does not speak at all cannot be told from one whose destination does not answer.
  Step start() override {
    FARKEEP_CHECK(place_.destination.address.is_v4());
    asked_ = true;
    Buffer message;
    put(message, {4, kConnect});
    put_port(message, place_.destination.port);
    append(message, place_.destination.address.to_v4().to_bytes());
    append(message, as_bytes(login_.user));
    put(message, {0});
    return step(std::move(message), 2, patience_.reply);
  }

  Step received(ByteView bytes) override {
    if (gathering()) gathered(bytes);
    if (granted_) return step({}, 0, 0ns);
    if (!is_version(bytes[0])) return gather(bytes);
    const std::string seen = "SOCKS4 reply " + std::to_string(bytes[1]);
    switch (bytes[1]) {
      case 90: break;
      case 91: fail(ProxyTrouble::forbidden, seen + ", which does not say whether forbidden or unreachable");
      case 92:
      case 93: fail(ProxyTrouble::ident_demanded, seen);
      default: return gather(bytes);
    }
    granted_ = replying_ = true;
    first_answer_ = false;
    return step({}, 6, patience_.greeting);
  }

 private:
  // 4 is wrong, and seen.
  bool is_version(std::uint8_t first) const override { return first == 0 || first == 4; }

  bool granted_ = false;
};

}  // namespace

std::unique_ptr<Handshake> socks5(ProxyPlace place, const ProxyLogin& login, ProxyPatience patience) {
  return std::make_unique<Socks5>(std::move(place), login, patience);
}

std::unique_ptr<Handshake> socks4(ProxyPlace place, const ProxyLogin& login, ProxyPatience patience) {
  return std::make_unique<Socks4>(std::move(place), login, patience);
}

}  // namespace farkeep
