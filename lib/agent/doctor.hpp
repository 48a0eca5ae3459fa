#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/keys.hpp"
#include "agent/root_trust.hpp"
#include "agent/way_out.hpp"
#include "transport/chain.hpp"
#include "transport/proxy_error.hpp"
#include "transport/tls.hpp"

namespace farkeep {

/// The layers of a session, each of which can be what breaks it.
enum class Stage : std::uint8_t { connect, tls, bulk, hello, done };
const char* name_of(Stage stage) noexcept;

/// One server, examined as a session would use it.
struct Examination {
  NeededServer server;
  Stage reached = Stage::connect;  ///< where it broke; done: it works
  std::string text;                ///< what was seen there
  Errc code{};
  boost::system::error_code raw;   ///< the system's own, when it is one
  std::chrono::milliseconds took{0};
  std::optional<ProxyTrouble> trouble;
  std::optional<ServerId> answered;
  std::optional<untrusted_peer::Why> doubt;
  LineSymptom symptom = LineSymptom::none;   ///< of the TCP connection
  std::optional<std::chrono::seconds> skew;  ///< the server's clock minus ours

  bool works() const { return reached == Stage::done; }
};

/// Nothing came back, and no proxy is to blame: something drops the packets, or nobody is there.
bool unanswered(const Examination& e) noexcept;
/// Small messages passed and then nothing, as where large packets vanish; during TLS silence may have other reasons, too.
bool stalls(const Examination& e) noexcept;

/// Two servers of which each answered at the other's address: their mapped ports are exchanged.  In words, or nothing.
std::optional<std::string> exchanged(const std::vector<Examination>& seen);

/// What further probes found, where the examinations alone leave a choice.
struct Extras {
  std::optional<ConnectionMode> proxy_speaks;    ///< what is configured as one kind of proxy answers as another
  std::optional<bool> host_refuses_other_port;   ///< the server's host answers on a port that nobody uses: packets get there and back
  std::optional<bool> small_segments_pass;       ///< with segments of 1220 bytes what stalled goes through
  std::optional<int> hops;                       ///< packets to the first silent server get as far as this router; 0: no router says anything
  std::optional<std::chrono::seconds> idle_cut;  ///< a connection that was silent for so long is gone
};

/// Who must do something.
enum class Who : std::uint8_t { nobody, this_computer, proxy_administrator, firewall_administrator, server_operator };
const char* name_of(Who who) noexcept;

struct Verdict {
  std::string finding;   ///< a stable word: "one_net_closed"
  std::string sentence;  ///< what is wrong
  Who who = Who::nobody;
  std::string change;    ///< what exactly to do; empty when there is nothing
  std::vector<std::string> evidence;
  Exit exit = Exit::done;
};

/// What the examinations mean.  Pure.
Verdict judge(const ConnectionConfig& connection, const std::vector<Examination>& seen, const Extras& extras);

/// Examines all servers, and where they leave a choice probes further.  No root, nothing but TCP.
class Doctor {
 public:
  /// `keys`: null before registration.  Everything outlives it.
  Doctor(Executor executor, Timers& timers, const Clock& clock, Resolver& resolver, Random& random, const ConnectionConfig& connection, const SecretText& password,
         RootTrust& trust, const AgentCredentials* keys, LoginMemory& logins);

  /// One server, layer after layer; each has a deadline.  Never throws but when cancelled.
  task<Examination> examine(NeededServer server) { return examine(std::move(server), std::nullopt); }
  /// The probes that `seen` calls for.  With Idle::probe also whether a connection survives silence, as long as a session is ever silent: a
  /// minute.
  enum class Idle { skip, probe };
  task<Extras> probe_further(const std::vector<Examination>& seen, Idle idle);

 private:
  task<Examination> examine(NeededServer server, std::optional<int> max_segment);
  task<void> send_bulk(SecureStream& stream, Examination& out);
  task<void> greet(std::unique_ptr<SecureStream> stream, Examination& out);
  task<bool> speaks(ConnectionMode mode, HostAddress proxy);
  task<bool> refuses(Endpoint at);
  task<int> count_hops(Endpoint at);
  task<std::optional<std::chrono::seconds>> find_idle_limit(NeededServer server);
  task<std::unique_ptr<SecureStream>> secure(std::unique_ptr<Stream> stream, const NeededServer& server);

  Executor executor_;
  Timers& timers_;
  const Clock& clock_;
  Resolver& resolver_;
  Random& random_;
  const ConnectionConfig& connection_;
  const SecretText& password_;
  RootTrust& trust_;
  const AgentCredentials* keys_;
  LoginMemory& logins_;
};

}  // namespace farkeep
