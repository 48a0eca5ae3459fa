#include <algorithm>

#include "crypto/certificate.hpp"
#include "crypto/x509.hpp"

namespace farkeep {
namespace {

using Role = CertificateName::Role;

/// Says why, and gives the one code that all refusals have.
Errc refuse(std::string* why, const std::string& sentence) {
  if (why != nullptr) *why = sentence;
  return Errc::identity;
}

std::string name_of(Role role) {
  switch (role) {
    case Role::ca:
      return "an authority";
    case Role::server:
      return "a server";
    case Role::agent:
      return "an agent";
  }
  return "somebody";
}

std::string sentence(int error, const Certificate& at, const Certificate& leaf, WallTime now) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the certificate of \"" + at.subject() + "\" expired on " + rfc3339(at.not_after()) +
             ", and here it is " + rfc3339(now) + ": it was not renewed, or this machine's clock is ahead";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the certificate of \"" + at.subject() + "\" is not valid before " + rfc3339(at.not_before()) +
             ", and here it is " + rfc3339(now) + ": one of the two clocks is wrong";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "the certificate of \"" + leaf.subject() + "\", issued by \"" + leaf.issuer() +
             "\", is signed by another authority than the one trusted here";
    default:
      return "the certificate of \"" + at.subject() + "\" does not pass: " + X509_verify_cert_error_string(error);
  }
}

/// The chain as OpenSSL built it, leaf first.
result<std::vector<Certificate>> built_chain(const Certificate& leaf, std::span<const Certificate> intermediates,
                                             const TrustedRoots& roots, WallTime at, std::string* why) {
  constexpr auto kDoing = "checking a certificate chain";
  DrainErrors drain;
  X509Owned<X509_STORE> store{must_have(X509_STORE_new(), kDoing)};
  for (const auto& root : roots.all()) must(X509_STORE_add_cert(store.get(), root.native()), kDoing);
  X509Owned<STACK_OF(X509)> between{must_have(sk_X509_new_null(), kDoing)};
  // What leads to roots was looked at before: here a root is trusted, or is none.
  for (const auto& c : intermediates)
    if (!c.is_root() && sk_X509_push(between.get(), c.native()) == 0) throw_openssl(kDoing);
  X509Owned<X509_STORE_CTX> ctx{must_have(X509_STORE_CTX_new(), kDoing)};
  must(X509_STORE_CTX_init(ctx.get(), store.get(), leaf.native(), between.get()), kDoing);
  auto* param = X509_STORE_CTX_get0_param(ctx.get());
  must(X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT), kDoing);
  // A link stands for its root, which did not sign it.
  const bool link = std::any_of(roots.all().begin(), roots.all().end(), [](const Certificate& c) { return X509_self_signed(c.native(), 0) != 1; });
  if (link) must(X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN), kDoing);
  X509_VERIFY_PARAM_set_time(param, static_cast<std::time_t>(unix_seconds(at)));

  bool good = X509_verify_cert(ctx.get()) == 1;
  if (!good) {
    X509* current = X509_STORE_CTX_get_current_cert(ctx.get());
    auto failed = current != nullptr ? Certificate::from_native(current) : result<Certificate>{leaf};
    return refuse(why, sentence(X509_STORE_CTX_get_error(ctx.get()), failed ? *failed : leaf, leaf, at));
  }
  std::vector<Certificate> chain;
  auto* stack = X509_STORE_CTX_get0_chain(ctx.get());
  for (int i = 0; i < sk_X509_num(stack); ++i) {
    chain.push_back(value_or_throw(Certificate::from_native(sk_X509_value(stack, i)), kDoing));  // one of those above
  }
  return chain;
}

/// Whether the extensions of `leaf` let it be used as its name says.
bool usage_fits(const Certificate& leaf, Role role) {
  X509* x = leaf.native();
  std::uint32_t needed = role == Role::server ? XKU_SSL_SERVER | XKU_SSL_CLIENT : XKU_SSL_CLIENT;
  if (X509_check_ca(x) != 0) return false;
  // The getters say "everything" for an extension that is not there: it has to be there.
  if ((X509_get_extension_flags(x) & (EXFLAG_KUSAGE | EXFLAG_XKUSAGE)) != (EXFLAG_KUSAGE | EXFLAG_XKUSAGE))
    return false;
  return (X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE) != 0 && X509_get_extended_key_usage(x) == needed;
}

}  // namespace

result<CheckedChain> checked_chain(const Certificate& leaf, std::span<const Certificate> intermediates,
                                   const TrustedRoots& roots, WallTime at, std::string* why) {
  if (intermediates.size() > kMaxCertificates) return refuse(why, "the chain has too many certificates");
  auto chain = built_chain(leaf, intermediates, roots, at, why);
  if (!chain) return chain.error();
  if (chain->size() > 3) return refuse(why, "the chain is longer than root, issuing authority and certificate");
  for (const auto& c : *chain)
    if (!c.public_key() || X509_get_signature_nid(c.native()) != NID_ED25519)
      return refuse(why, "the certificate of \"" + c.subject() + "\" does not use Ed25519");

  auto name = leaf.name();
  if (!name) return refuse(why, "the certificate of \"" + leaf.subject() + "\" has no Farkeep name");
  if (name->role == Role::ca)
    return refuse(why, "this is the certificate of an authority, not of a server or an agent");
  if (!usage_fits(leaf, name->role))
    return refuse(why, "the certificate says it is " + name_of(name->role) + "'s, but not that it may be used so");
  if (chain->size() == 3) {
    auto issuing = (*chain)[1].name();
    if (!issuing || issuing->role != Role::ca || !issuing->server)
      return refuse(why, "\"" + (*chain)[1].subject() + "\" is not the authority of a server");
    // A stolen issuing key must not be able to play another server.
    if (name->role == Role::server && name->server != issuing->server)
      return refuse(why, "the authority of server " + issuing->server->brief() + " cannot vouch for server " +
                             name->server->brief());
  }
  return CheckedChain{std::move(*name), {chain->begin() + 1, chain->end()}};
}

result<CertificateName> check_chain(const Certificate& leaf, std::span<const Certificate> intermediates,
                                    const TrustedRoots& roots, WallTime at, std::string* why) {
  auto checked = checked_chain(leaf, intermediates, roots, at, why);
  if (!checked) return checked.error();
  return std::move(checked->name);
}

result<CertificateName> check_chain_for(Role wanted, const Certificate& leaf,
                                        std::span<const Certificate> intermediates, const TrustedRoots& roots,
                                        WallTime at, std::string* why) {
  auto name = check_chain(leaf, intermediates, roots, at, why);
  if (!name) return name;
  if (name->role != wanted)
    return refuse(why, "the certificate is " + name_of(name->role) + "'s, but " + name_of(wanted) + "'s is needed");
  return name;
}

}  // namespace farkeep
