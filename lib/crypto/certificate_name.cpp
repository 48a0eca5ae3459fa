#include "crypto/certificate.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kCa = "farkeep:ca", kServer = "farkeep:server:", kAgent = "farkeep:agent:";

/// An id as uri() prints it: lower-case hex.  One name has one spelling.
template <class IdT>
std::optional<IdT> id_of(std::string_view text) {
  auto id = IdT::from_hex(text);
  if (!id || id->hex() != text) return std::nullopt;
  return id;
}

}  // namespace

std::string CertificateName::uri() const {
  switch (role) {
    case Role::server:
      return std::string(kServer) + server.value().hex();
    case Role::agent:
      return std::string(kAgent) + account.value().hex() + ":" + agent.value().hex();
    case Role::ca:
      break;
  }
  return server ? std::string(kCa) + ":" + server->hex() : std::string(kCa);
}

result<CertificateName> CertificateName::parse(std::string_view uri) {
  if (uri == kCa) return root();
  if (uri.starts_with(kServer)) {
    if (auto id = id_of<ServerId>(uri.substr(kServer.size()))) return of_server(*id);
    return Errc::malformed;
  }
  if (uri.starts_with(kAgent)) {
    auto ids = uri.substr(kAgent.size());
    auto colon = ids.find(':');
    if (colon == std::string_view::npos) return Errc::malformed;
    auto account = id_of<AccountId>(ids.substr(0, colon));
    auto agent = id_of<AgentId>(ids.substr(colon + 1));
    if (!account || !agent) return Errc::malformed;
    return of_agent(*account, *agent);
  }
  if (uri.starts_with(kCa) && uri[kCa.size()] == ':') {
    if (auto id = id_of<ServerId>(uri.substr(kCa.size() + 1))) return authority_of(*id);
  }
  return Errc::malformed;
}

}  // namespace farkeep
