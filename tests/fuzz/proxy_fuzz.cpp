#include <algorithm>
#include <cstdlib>

#include "transport/http_connect.hpp"
#include "transport/socks.hpp"

using namespace farkeep;

namespace {

// Answers whatever it is asked, so that logins of several rounds go on.
class Eager final : public Authenticator {
 public:
  std::optional<SecretText> next(const std::vector<std::string>& challenges) override {
    return SecretText("Eager " + std::to_string(challenges.size()));
  }
};

ProxyLogin login() {
  ProxyLogin l;
  l.user = "user";
  l.password = SecretText("pass");
  return l;
}

std::unique_ptr<Handshake> machine(unsigned which, const ProxyLogin& none, const ProxyLogin& who) {
  ProxyPlace place;
  place.kind = which < 3 ? ProxyKind::socks5 : ProxyKind::http;
  place.proxy = "proxy:1";
  place.destination = *Endpoint::parse("192.0.2.1");
  const ProxyPatience patience;
  switch (which) {
    case 0: return socks5(place, none, patience);
    case 1: return socks5(place, who, patience);
    case 2: return socks4(place, none, patience);
    case 3: return http_connect(place, no_authenticator(), patience);
    case 4: return http_connect(place, basic_authenticator(who), patience);
    default: return http_connect(place, std::make_unique<Eager>(), patience);
  }
}

}  // namespace

// The input is the proxy: its first byte says which kind of client it meets (0 to 5) and how it ends (6 times that), the rest is what it says.
// Whatever that is, the client has a tunnel or says what is wrong, with a text, and asks for no more than it must.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const ProxyLogin none, who = login();
  const auto client = machine(data[0] % 6u, none, who);
  const auto ending = static_cast<Handshake::Break>(data[0] / 6u % 3u);
  ByteView in{data + 1, size - 1};
  try {
    Handshake::Step step = client->start();
    for (int steps = 0; step.read > 0; ++steps) {
      if (steps > 200'000 || step.read > 64 * 1024 || step.within.count() <= 0) std::abort();
      if (in.size() < step.read) {
        if (!step.take_what_comes) client->broken(ending, in);
        step = client->received(in);
        std::abort();  // what is only quoted never leads anywhere
      }
      const ByteView piece = in.first(step.read);
      in = in.subspan(step.read);
      step = client->received(piece);
    }
  } catch (const proxy_error& e) {
    const std::string_view text = e.what();
    const bool printable = std::none_of(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; });
    if (text.empty() || text.size() > 1500 || !printable) std::abort();
  }
  return 0;
}
