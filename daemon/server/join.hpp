#pragma once

#include "async/timers.hpp"
#include "base/clock.hpp"
#include "crypto/certificate.hpp"
#include "transport/endpoint.hpp"
#include "wire/wire.pb.h"

namespace farkeep::server {

/// Asks the inviter, at the first of its addresses that answers, to admit a server.  Trusts only `root`; meets only `inviter`.
/// Throws what the connection throws, or the inviter's refusal.
wire::pb::Joined ask_to_join(std::vector<Endpoint> addresses, ServerId inviter, const Certificate& root, wire::pb::Join question, const Clock& clock);

}  // namespace farkeep::server
