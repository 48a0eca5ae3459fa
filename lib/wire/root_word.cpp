#include "wire/root_word.hpp"

#include <algorithm>

#include "base/id.hpp"
#include "wire/message.hpp"

namespace farkeep::wire {
namespace {

constexpr std::string_view kLabel = "farkeep/1/root-word";

Buffer labelled(std::string_view word) {
  std::string const text = std::string{kLabel}.append(word);
  return to_buffer(as_bytes(text));
}

struct NamedRoots {
  std::vector<Certificate> roots, links;
};

result<Certificate> root_in(const std::string& der) {
  if (der.size() > kMaxRootCertificate) return Errc::malformed;
  auto certificate = Certificate::from_der(as_bytes(der));
  if (!certificate || !certificate->is_root()) return Errc::malformed;
  return certificate;
}

// Each root once, signed by itself, and but for the first with a link to its key.
result<NamedRoots> roots_in(const pb::RootWord& word) {
  if (static_cast<std::size_t>(word.root_size()) > kMaxRoots) return Errc::malformed;
  NamedRoots out;
  for (auto const& one : word.root()) {
    auto root = root_in(one.certificate());
    if (!root) return root.error();
    auto const key = root->public_key();
    if (!key || !root->is_signed_by(*key)) return Errc::malformed;
    for (auto const& before : out.roots)
      if (auto const other = before.public_key(); !other || *other == *key) return Errc::malformed;
    if (out.roots.empty() != one.link().empty()) return Errc::malformed;
    if (!one.link().empty()) {
      auto link = root_in(one.link());
      if (!link) return link.error();
      if (auto const to = link->public_key(); !to || *to != *key) return Errc::malformed;
      out.links.push_back(std::move(*link));
    }
    out.roots.push_back(std::move(*root));
  }
  return out;
}

// By one that is trusted now, and that it names, if it names any.
bool is_signed(const pb::SignedRootWord& word, const TrustedRoots& trusted, const std::vector<Certificate>& named, const Revocations& revoked) {
  auto const document = labelled(word.word());
  auto const names = [&](const VerifyKey& key) {
    return named.empty() || std::any_of(named.begin(), named.end(), [&](const Certificate& c) { return c.public_key() && *c.public_key() == key; });
  };
  return std::any_of(trusted.all().begin(), trusted.all().end(), [&](const Certificate& root) {
    auto const key = root.public_key();
    return key && !revoked.has_key(*key) && names(*key) && key->verify(document, as_bytes(word.signature()));
  });
}

bool names_all_of(const pb::RootWord& word, const pb::RootWord& known) {
  return std::all_of(known.root().begin(), known.root().end(), [&](const pb::Root& root) {
    return std::any_of(word.root().begin(), word.root().end(), [&](const pb::Root& other) { return other.certificate() == root.certificate(); });
  });
}

}  // namespace

pb::SignedRootWord sign_root_word(const pb::RootWord& word, const SigningKey& root) {
  pb::SignedRootWord out;
  out.set_word(word.SerializeAsString());
  out.set_signature(to_string(root.sign(labelled(out.word()))));
  return out;
}

std::optional<pb::RootPair> RootWord::pair_of(const std::string& primary) const {
  for (auto const& pair : content.pair())
    if (pair.primary() == primary) return pair;
  return std::nullopt;
}

// 1. what it says of roots, which anybody may have written  2. whose word it is  3. all else
result<RootWord> verify_root_word(const pb::SignedRootWord& word, const TrustedRoots& trusted, const Revocations& known) {
  if (word.word().size() > kMaxRootWord) return Errc::malformed;
  auto content = parse_message<pb::RootWord>(word.word());
  if (!content) return Errc::malformed;
  auto named = roots_in(*content);
  if (!named) return named.error();
  TrustedRoots reached = trusted;
  reached.follow(named->links, known);
  if (!is_signed(word, reached, named->roots, known)) return Errc::identity;
  if (content->serial() == 0 || content->pair_size() > kMaxRootPairs || content->revoked_size() > kMaxRevoked) return Errc::malformed;
  for (auto const& one : named->roots) reached.add(one);
  RootWord out{{}, {}, std::move(reached), std::move(named->links)};
  for (auto const& pair : content->pair())
    if (!ServerId::from(pair.primary()) || (!pair.alternate().empty() && !ServerId::from(pair.alternate()))) return Errc::malformed;
  for (auto const& one : content->revoked()) {
    WallTime const since{std::chrono::nanoseconds{one.since_ns()}};
    if (auto const id = ServerId::from(one.server_id())) out.revoked.add_server(*id, since);
    else if (auto const revoked = VerifyKey::from(as_bytes(one.key()))) out.revoked.add_key(*revoked, since);
    else return Errc::malformed;
  }
  out.content = std::move(*content);
  return out;
}

std::optional<Certificate> RootWord::newest() const {
  if (content.root().empty()) return std::nullopt;
  auto certificate = Certificate::from_der(as_bytes(content.root().rbegin()->certificate()));
  if (!certificate) return std::nullopt;
  return std::move(*certificate);
}

std::string newer_root_word(const std::string& known, const pb::SignedRootWord& told, const TrustedRoots& pinned) {
  if (told.word().empty() || told.SerializeAsString() == known) return known;
  auto const ours = stored_root_word(known, pinned);
  auto const theirs = ours ? verify_root_word(told, ours->roots, ours->revoked) : verify_root_word(told, pinned);
  if (!theirs) return known;
  if (ours) {
    if (!names_all_of(theirs->content, ours->content)) return known;
    bool const more = theirs->content.root_size() > ours->content.root_size();
    if (!more && ours->serial() >= theirs->serial()) return known;
  }
  return known_part(told).SerializeAsString();
}

pb::SignedRootWord known_part(const pb::SignedRootWord& word) {
  pb::SignedRootWord out;
  out.set_word(word.word());
  out.set_signature(word.signature());
  return out;
}

std::optional<RootWord> stored_root_word(std::string_view bytes, const TrustedRoots& pinned) {
  if (bytes.empty()) return std::nullopt;
  auto const envelope = parse_message<pb::SignedRootWord>(bytes);
  if (!envelope) return std::nullopt;
  auto word = verify_root_word(*envelope, pinned);
  if (!word) return std::nullopt;
  return std::move(*word);
}

TrustedRoots trusted_roots(std::string_view stored_word, const TrustedRoots& pinned) {
  auto word = stored_root_word(stored_word, pinned);
  return word ? std::move(word->roots) : pinned;
}

}  // namespace farkeep::wire
