#include "vault/receipt_facts.hpp"

#include "wire/message.hpp"

namespace farkeep {

Digest receipt_mark(const wire::pb::SignedReceipt& receipt) { return sha256(as_bytes(receipt.receipt())); }

result<ReceiptFacts> receipt_facts(ByteView bytes) {
  auto const document = wire::parse_message<wire::pb::SignedReceipt>(as_text(bytes));
  if (!document) return document.error();
  auto const content = wire::parse_message<wire::pb::Receipt>(document->receipt());
  if (!content) return content.error();
  auto const server = ServerId::from(content->server_id());
  auto const snapshot = Digest::from(content->manifest_digest());
  if (!server || !snapshot) return Errc::malformed;
  ReceiptFacts out;
  out.server = *server;
  out.snapshot = *snapshot;
  out.time_ns = content->time_ns();
  out.mark = receipt_mark(*document);
  return out;
}

}  // namespace farkeep
