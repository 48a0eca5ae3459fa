#include "agent/refused_logins.hpp"

#include <algorithm>

#include "agent/stored_time.hpp"
#include "crypto/digest.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::nanoseconds kFirstPause = 30min, kLongestPause = 4h;
constexpr std::size_t kSalt = 16, kMark = 2;

std::string mark_of(const ProxyLogin& login, const std::string& salt) {
  Sha256 sum;
  sum.update(as_bytes(salt));
  sum.update(login.password.view());
  return sum.finish().raw().substr(0, kMark);
}

bool is_about(const agent::pb::RefusedLogin& refused, const std::string& proxy, const ProxyLogin& login) {
  return refused.times() > 0 && refused.proxy() == proxy && refused.user() == login.user && refused.mark() == mark_of(login, refused.salt());
}

std::chrono::nanoseconds pause_after(std::uint32_t times) {
  std::chrono::nanoseconds pause = kFirstPause;
  for (std::uint32_t i = 1; i < times && pause < kLongestPause; ++i) pause *= 2;
  return std::min(pause, kLongestPause);
}

}  // namespace

std::optional<std::string> RefusedLogins::objection(const std::string& proxy, const ProxyLogin& login) {
  const auto all = state_.endpoints();
  const auto& refused = all.refused_login();
  if (!is_about(refused, proxy, login)) return std::nullopt;
  const WallTime at{std::chrono::nanoseconds(refused.at_ns())};
  const WallTime again = at + pause_after(refused.times());
  if (!waits(again.time_since_epoch().count(), clock_.wall(), kLongestPause)) return std::nullopt;
  return "it refused them at " + rfc3339(at) + ", and so that no account is locked they are not tried again before " + rfc3339(again) +
         "; correct them and reload, or have them tried at once: farkeep doctor";
}

void RefusedLogins::refused(const std::string& proxy, const ProxyLogin& login) {
  auto all = state_.endpoints();
  auto& refused = *all.mutable_refused_login();
  if (!is_about(refused, proxy, login)) {
    Buffer salt(kSalt);
    random_.fill(salt);
    refused.Clear();
    refused.set_proxy(proxy);
    refused.set_user(login.user);
    refused.set_salt(to_string(salt));
    refused.set_mark(mark_of(login, refused.salt()));
  }
  refused.set_times(refused.times() + 1);
  refused.set_at_ns(clock_.wall().time_since_epoch().count());
  state_.set_endpoints(all);
}

void RefusedLogins::accepted(const std::string& proxy, const ProxyLogin& login) {
  auto all = state_.endpoints();
  if (!is_about(all.refused_login(), proxy, login)) return;
  all.clear_refused_login();
  state_.set_endpoints(all);
}

void RefusedLogins::forget_time() {
  auto all = state_.endpoints();
  if (!all.has_refused_login() || all.refused_login().at_ns() == 0) return;
  all.mutable_refused_login()->clear_at_ns();
  state_.set_endpoints(all);
}

}  // namespace farkeep
