#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/progress.hpp"
#include "agent/state.hpp"
#include "async/timers.hpp"
#include "base/clock.hpp"
#include "crypto/certificate.hpp"
#include "crypto/random.hpp"
#include "transport/line.hpp"
#include "wire/wire.pb.h"

namespace farkeep {

struct EnrolParts {
  AgentState& state;
  const Certificate& authority;
  Line& line;
  Timers& timers;
  const Clock& clock;
  Random& random;
  Reporter& reporter;
};

struct EnrolOrder {
  std::vector<std::string> servers;  ///< ip[:port], primary first
  std::string token;
  std::string name;
  std::optional<AgentId> recover;
  bool replaces = false;  ///< the identity that is here is a whole one, another machine's too or expired: it stays until the new one is there, and is put aside then
};

/// The first contact: with the registration pair, by address, with a token.
///
/// Makes the agent's key here (it never leaves this machine), gets a certificate, the account and the assigned pair, and keeps all of it.  The root key is made
/// when there is none.  Interrupted at any point it can be repeated: the key that was made is used again.
/// With `recover`, the vault of that agent is taken over: its root key is then put in place by the caller, unless it is here already.
task<void> enrol(EnrolParts parts, EnrolOrder order);

/// Its two halves, around the talk with the server.  The first notes what is begun, and gives the key that the certificate is asked for: that of the same work cut off
/// before, or a new one.  The second checks the whole answer, then keeps it; the identity comes last, and the caller ends with AgentState::clear_unfinished().
SigningKey begin_enrolment(AgentState& state, const EnrolOrder& order, Random& random);
void keep_enrolment(EnrolParts& parts, const wire::pb::Registered& reply, const SigningKey& key, const EnrolOrder& order);

/// Gets a new certificate when less than a third of the present one's life is left.  True if it did.  Of the first server whose certificate
/// gains enough (gains_enough), or else the longest that any of them gives.  It replaces the old one in one step, and needs no root key.
task<bool> renew_if_due(EnrolParts parts);
/// The same for whoever holds the folder's lock and wants to go on: says what it did, and what it could not do now.  Key files of older versions are brought up to date, too.
task<void> keep_certificate(EnrolParts parts);

}  // namespace farkeep
