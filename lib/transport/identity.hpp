#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/id.hpp"

namespace farkeep {

/// Who is at the other end, as its certificate proved.
struct PeerIdentity {
  enum class Role {
    anonymous,  ///< a client without a certificate: it may register, and nothing else
    agent,
    server,
  };

  PeerIdentity() = default;
  static PeerIdentity of_server(const ServerId& id) {
    PeerIdentity who;
    who.role = Role::server;
    who.server = id;
    return who;
  }
  static PeerIdentity of_agent(const AccountId& account, const AgentId& agent) {
    PeerIdentity who;
    who.role = Role::agent;
    who.account = account;
    who.agent = agent;
    return who;
  }

  Role role = Role::anonymous;
  ServerId server;     // role server
  AccountId account;   // role agent
  AgentId agent;       // role agent
  Buffer certificate;  // DER; empty for anonymous, and where no TLS is spoken (simulations)
  std::vector<Buffer> above;  // DER: what vouches for it, the root last; empty like it
  Buffer root_key;     // of the root to which the certificate leads; empty like it
  /// Anonymous, because the certificate that it shows is ours but not valid at this time: why.  It is to be told so, and no more.
  std::string untimely;

  /// For messages: "server 1f2e3d4c", "agent 1f2e3d4c of account 00112233", "an unregistered client".
  std::string text() const;
};

}  // namespace farkeep
