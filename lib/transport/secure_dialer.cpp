#include "transport/secure_dialer.hpp"

#include "async/race.hpp"
#include "base/limits.hpp"

namespace farkeep {

task<std::unique_ptr<SecureStream>> TlsDialer::connect(Endpoint destination, ExpectedServer expected) {
  std::unique_ptr<Stream> stream = co_await dialer_.dial(destination);
  std::string doing = "starting TLS with " + stream->describe();
  const TlsContext tls = current_();
  co_return co_await with_timeout(timers_, limits::kTlsTimeout, tls.connect(std::move(stream), std::move(expected)),
                                  std::move(doing));
}

}  // namespace farkeep
