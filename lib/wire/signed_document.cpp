#include "wire/signed_document.hpp"

#include "wire/message.hpp"

namespace farkeep::wire {
namespace {

constexpr std::string_view kReceipt = "farkeep/1/receipt", kDirectory = "farkeep/1/directory";

// What is signed: the label keeps one kind of document from being shown as another.
Buffer labelled(std::string_view label, std::string_view document) {
  Buffer out = to_buffer(as_bytes(label));
  append(out, as_bytes(document));
  return out;
}

std::string signature_of(std::string_view label, std::string_view document, const SigningKey& key) {
  return to_string(key.sign(labelled(label, document)));
}

struct SignerFound {
  CertificateName name;
  Certificate certificate;
  std::vector<Certificate> above;
};

// The server that signed, by a chain that was good at `at`.
result<SignerFound> signer_of(std::string_view label, std::string_view document, std::string_view signature,
                           const google::protobuf::RepeatedPtrField<std::string>& chain_field, const TrustedRoots& roots, WallTime at) {
  auto chain = parse_chain(chain_field);
  if (!chain) return chain.error();
  auto checked = checked_chain(chain->front(), std::span{*chain}.subspan(1), roots, at);
  if (!checked) return checked.error();
  if (checked->name.role != CertificateName::Role::server) return Errc::identity;
  auto const key = chain->front().public_key();
  if (!key) return key.error();
  if (!key->verify(labelled(label, document), as_bytes(signature))) return Errc::identity;
  return SignerFound{std::move(checked->name), std::move(chain->front()), std::move(checked->above)};
}

}  // namespace

pb::SignedReceipt sign_receipt(const pb::Receipt& receipt, const Signer& signer) {
  pb::SignedReceipt out;
  out.set_receipt(receipt.SerializeAsString());
  out.set_signature(signature_of(kReceipt, out.receipt(), signer.key));
  to_field(signer.chain, *out.mutable_signer_chain());
  return out;
}

result<pb::Receipt> verify_receipt(const pb::SignedReceipt& receipt, const TrustedRoots& roots) {
  if (receipt.ByteSizeLong() > kMaxSignedReceipt) return Errc::too_large;
  auto document = parse_message<pb::Receipt>(receipt.receipt(), kMaxReceipt);
  if (!document) return document.error();
  WallTime const at{std::chrono::nanoseconds{document->time_ns()}};
  auto const signer = signer_of(kReceipt, receipt.receipt(), receipt.signature(), receipt.signer_chain(), roots, at);
  if (!signer) return signer.error();
  if (document->server_id() != as_text(signer->name.server->view())) return Errc::identity;
  return std::move(*document);
}

pb::SignedReceipt known_part(const pb::SignedReceipt& receipt) {
  pb::SignedReceipt out;
  out.set_receipt(receipt.receipt());
  out.set_signature(receipt.signature());
  *out.mutable_signer_chain() = receipt.signer_chain();
  return out;
}

pb::SignedDirectory known_part(const pb::SignedDirectory& directory) {
  pb::SignedDirectory out;
  out.set_directory(directory.directory());
  out.set_signature(directory.signature());
  *out.mutable_signer_chain() = directory.signer_chain();
  return out;
}

pb::SignedDirectory sign_directory(const pb::Directory& directory, const Signer& signer) {
  pb::SignedDirectory out;
  out.set_directory(directory.SerializeAsString());
  out.set_signature(signature_of(kDirectory, out.directory(), signer.key));
  to_field(signer.chain, *out.mutable_signer_chain());
  return out;
}

result<pb::Directory> verify_directory(const pb::SignedDirectory& directory, const TrustedRoots& roots, WallTime now) {
  auto verified = verify_signed_directory(directory, roots, now);
  if (!verified) return verified.error();
  return std::move(verified->content);
}

result<VerifiedDirectory> verify_signed_directory(const pb::SignedDirectory& directory, const TrustedRoots& roots, WallTime now) {
  auto document = parse_message<pb::Directory>(directory.directory());
  if (!document) return document.error();
  auto signer = signer_of(kDirectory, directory.directory(), directory.signature(), directory.signer_chain(), roots, now);
  if (!signer) return signer.error();
  return VerifiedDirectory{std::move(*document), std::move(signer->name), std::move(signer->certificate), std::move(signer->above)};
}

result<std::vector<Certificate>> parse_chain(const google::protobuf::RepeatedPtrField<std::string>& field) {
  if (field.empty() || static_cast<std::size_t>(field.size()) > kMaxCertificates) return Errc::malformed;
  std::vector<Certificate> chain;
  for (auto const& der : field) {
    if (der.size() > kMaxCertificate) return Errc::malformed;
    auto certificate = Certificate::from_der(as_bytes(der));
    if (!certificate) return Errc::malformed;
    chain.push_back(std::move(*certificate));
  }
  return chain;
}

void to_field(std::span<const Certificate> chain, google::protobuf::RepeatedPtrField<std::string>& field) {
  for (auto const& certificate : chain) field.Add(to_string(certificate.der()));
}

}  // namespace farkeep::wire
