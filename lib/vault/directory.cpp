#include "vault/directory.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "wire/directory_rule.hpp"
#include "wire/message.hpp"
#include "wire/refusal.hpp"

namespace farkeep {
namespace {

// An agent's word about the serial that it has seen counts so far beyond what the hour says: it may lie.
constexpr std::uint64_t kTold = std::uint64_t{1} << 15;  // half of what agents believe at once

constexpr auto kLookAgain = std::chrono::minutes{1};

void describe_self(const Identity& identity, wire::pb::DataCentre& out) {
  out.set_server_id(wire::to_field(identity.id()));
  out.set_name(identity.name());
  for (auto const& address : identity.addresses()) out.add_address(address.to_string());
}

// Whether none follows it.
bool is_newest(const Authority& root, const std::optional<wire::RootWord>& word) {
  auto const newest = word ? word->newest() : std::nullopt;
  return !newest || *newest == root.certificate();
}

bool is_self(const wire::pb::DataCentre& centre, const Identity& identity) { return centre.server_id() == as_text(identity.id().view()); }

}  // namespace

// This server's view: itself as primary, the partner as alternate.
wire::pb::Directory AddressDirectory::wanted(std::uint64_t serial) {
  wire::pb::Directory directory;
  directory.set_serial(serial);
  directory.set_issued_ns(clock_.wall().time_since_epoch().count());
  directory.set_valid_from_ns(directory.issued_ns());
  auto* pair = directory.add_pair();
  pair->set_name(identity_.name());
  describe_self(identity_, *pair->mutable_primary());
  pair->mutable_alternate();
  if (auto const partner = registry_.partner()) {
    pair->mutable_alternate()->set_server_id(partner->server_id());
    pair->mutable_alternate()->set_name(partner->name());
    *pair->mutable_alternate()->mutable_address() = partner->address();
  }
  return directory;
}

// What is stored; nothing when it is no directory.
std::optional<wire::pb::Directory> AddressDirectory::stored_content(wire::pb::SignedDirectory& stored) {
  auto const bytes = registry_.directory();
  if (bytes.empty()) return std::nullopt;
  auto parsed = wire::parse_message<wire::pb::SignedDirectory>(bytes);
  if (!parsed) return std::nullopt;
  stored = std::move(*parsed);
  auto content = wire::parse_message<wire::pb::Directory>(stored.directory());
  if (!content || content->pair_size() == 0) return std::nullopt;
  if (!wire::serial_is_sane(content->serial(), clock_.wall())) {
    log_error("the stored address directory has the serial {}, which no honest server gave: it is ignored", content->serial());
    return std::nullopt;
  }
  return std::move(*content);
}

// More than what is stored here, what the hour says, and what agents say they have seen: both servers may have been set back.
std::uint64_t AddressDirectory::next_serial(std::uint64_t known) {
  auto const floor = wire::serial_floor(clock_.wall());
  auto highest = std::max(known, floor - 1);
  for (auto const& agent : registry_.agents()) {
    auto const id = AgentId::from(agent.id());
    auto const seen = id ? registry_.seen(*id) : std::nullopt;
    if (seen && seen->directory_serial() <= floor + kTold) highest = std::max<std::uint64_t>(highest, seen->directory_serial());
  }
  return highest + 1;
}

std::optional<wire::RootWord> AddressDirectory::root_word() {
  std::lock_guard guard{mutex_};
  return word_locked();
}

// Agents ask every few minutes, and it changes with the years: verified once.
const std::optional<wire::RootWord>& AddressDirectory::word_locked() {
  if (auto bytes = registry_.root_word(); !word_ || bytes != word_bytes_) {
    word_ = wire::stored_root_word(bytes, identity_.roots());
    word_bytes_ = std::move(bytes);
  }
  return word_;
}

bool AddressDirectory::word_is_lost() { return registry_.has_lost_root_word() || (!word_locked() && !word_bytes_.empty()); }

// What is said next repeats all that was said: a word made anew would let in whoever was revoked.
void AddressDirectory::refuse_without_word(const std::string& doing) {
  if (!word_is_lost()) return;
  throw failure(Errc::damaged, doing + ": what the root said last cannot be read here (registry/root-word); the partner's copy heals it when this server reaches it, "
                                       "or take the file from a backup of the data folder");
}

// Where the root's key is, it says which pair this is: agents and the partner then take no other.
void AddressDirectory::keep_word_true(const std::optional<wire::RootWord>& word) {
  if (word) registry_.heal_root_word();
  else if (word_is_lost()) return;
  auto const& root = identity_.root_authority();
  if (!root || !is_newest(*root, word)) return;
  wire::pb::RootPair pair;
  pair.set_primary(wire::to_field(identity_.id()));
  if (auto const partner = registry_.partner()) pair.set_alternate(partner->server_id());
  wire::pb::RootWord next = word ? word->content : wire::pb::RootWord{};
  bool found = false;
  for (auto& known : *next.mutable_pair()) {
    if (known.primary() != pair.primary()) continue;
    found = true;
    if (known.alternate() == pair.alternate()) return;
    known = pair;
  }
  if (!found && next.pair_size() == wire::kMaxRootPairs) throw failure(Errc::too_large, "naming this pair in the root's word: it names " + std::to_string(wire::kMaxRootPairs) + " already");
  if (!found) *next.add_pair() = pair;
  say(next, *root);
}

bool AddressDirectory::primary_locked(const std::optional<wire::pb::Directory>& content, const std::optional<wire::RootWord>& word) {
  if (word && word->content.pair_size() > 0) return word->pair_of(std::string{as_text(identity_.id().view())}).has_value();
  return !content || is_self(content->pair(0).primary(), identity_);
}

wire::pb::SignedDirectory AddressDirectory::store(const wire::pb::Directory& directory) {
  auto made = wire::sign_directory(directory, identity_.signer());
  registry_.set_directory(made.SerializeAsString());
  return made;
}

wire::pb::SignedDirectory AddressDirectory::current() {
  std::lock_guard guard{mutex_};
  auto const generation = registry_.generation();  // before the rest: what changes meanwhile is met the next time
  auto const now = clock_.wall();
  if (kept_ && kept_->generation == generation && generation != 0 && now >= kept_->at && now - kept_->at < kLookAgain) return kept_->directory;
  kept_.reset();
  // What earlier versions adopted may have more in it.
  auto out = wire::known_part(current_or_stored());
  if (auto const word = wire::parse_message<wire::pb::SignedRootWord>(word_bytes_); word && !word->word().empty()) *out.mutable_root_word() = wire::known_part(*word);
  if (told_.empty()) kept_.emplace(Kept{out, generation, now});
  return out;
}

// On a disk that takes nothing, what agents have is better than nothing: with it comes the root's word, and they go on.
wire::pb::SignedDirectory AddressDirectory::current_or_stored() {
  try {
    auto out = current_locked();
    told_.clear();
    return out;
  } catch (const wire::Refusal&) {
    throw;
  } catch (const failure& f) {
    wire::pb::SignedDirectory stored;
    if (!stored_content(stored)) throw;
    if (told_ != f.what()) log_error("{}; the address directory is told as it was", f.what());
    told_ = f.what();
    return stored;
  }
}

// word_bytes_ is up to date on return.
wire::pb::SignedDirectory AddressDirectory::current_locked() {
  wire::pb::SignedDirectory stored;
  auto const content = stored_content(stored);
  auto const word = word_locked();
  if (!primary_locked(content, word)) {
    if (!content) throw wire::Refusal(Errc::busy, "this server waits for the address directory of its partner", std::chrono::seconds{10});
    return stored;  // the partner's to renew
  }
  keep_word_true(word);
  if (!content || !is_self(content->pair(0).primary(), identity_)) return store(wanted(next_serial(content ? content->serial() : 0)));
  bool const same_signer = stored.signer_chain_size() > 0 && stored.signer_chain(0) == as_text(identity_.chain()[0].der());
  auto fresh = wanted(0);
  bool const same_pair = content->published() || content->pair(0).SerializeAsString() == fresh.pair(0).SerializeAsString();
  // Made while the clock was ahead: nobody would use it.  What an operator announced may well lie ahead.
  bool const ahead = !content->published() && content->valid_from_ns() > fresh.valid_from_ns();
  if (same_signer && same_pair && !ahead) return stored;
  if (content->published()) fresh = *content;  // an operator's word is signed again as it is
  fresh.set_serial(next_serial(content->serial()));
  return store(fresh);
}

wire::pb::Directory AddressDirectory::publish(const DirectoryOrder& order) {
  std::lock_guard guard{mutex_};
  static_cast<void>(current_locked());  // there is one now
  wire::pb::SignedDirectory stored;
  auto const content = stored_content(stored);
  std::string const doing = "publishing an address directory";
  if (!content) throw failure(Errc::damaged, doing + ": the stored one cannot be read");
  if (!is_self(content->pair(0).primary(), identity_))
    throw failure(Errc::usage, doing + ": the primary signs it: do this on " + content->pair(0).primary().name());
  auto const now = clock_.wall().time_since_epoch().count();
  auto const& in_force = content->valid_from_ns() > now && content->before_size() > 0 ? content->before(0) : content->pair(0);
  wire::pb::Directory next;
  next.set_serial(next_serial(content->serial()));
  next.set_issued_ns(now);
  next.set_valid_from_ns(std::max(now, order.valid_from.time_since_epoch().count()));
  next.set_overlap_until_ns(next.valid_from_ns() + order.overlap.count());
  next.set_published(true);
  *next.add_pair() = content->pair(0);
  auto const change = [](const DirectoryOrder::Side& side, wire::pb::DataCentre& centre) {
    if (!side.addresses.empty()) {
      centre.clear_address();
      for (auto const& a : side.addresses) centre.add_address(a);
    }
    if (!side.subnets.empty()) {
      centre.clear_subnet();
      for (auto const& n : side.subnets) centre.add_subnet(n);
    }
  };
  change(order.primary, *next.mutable_pair(0)->mutable_primary());
  change(order.alternate, *next.mutable_pair(0)->mutable_alternate());
  if (next.pair(0).alternate().server_id().empty() && !order.alternate.addresses.empty())
    throw failure(Errc::usage, doing + ": this pair has no alternate yet");
  if (next.pair(0).SerializeAsString() == content->pair(0).SerializeAsString()) throw failure(Errc::usage, doing + ": it would say what the present one says");
  *next.add_before() = in_force;
  store(next);
  return next;
}

std::vector<std::string> AddressDirectory::addresses_of(std::string_view server_id) {
  std::lock_guard guard{mutex_};
  wire::pb::SignedDirectory stored;
  auto const content = stored_content(stored);
  std::vector<std::string> out;
  if (!content) return out;
  auto const add = [&](const google::protobuf::RepeatedPtrField<wire::pb::Pair>& pairs) {
    for (auto const& pair : pairs)
      for (auto const* centre : {&pair.primary(), &pair.alternate()})
        if (centre->server_id() == server_id) out.insert(out.end(), centre->address().begin(), centre->address().end());
  };
  bool const begun = content->valid_from_ns() <= clock_.wall().time_since_epoch().count();
  add(begun ? content->pair() : content->before());
  add(begun ? content->before() : content->pair());
  return out;
}

bool AddressDirectory::is_primary() {
  std::lock_guard guard{mutex_};
  wire::pb::SignedDirectory stored;
  return primary_locked(stored_content(stored), word_locked());
}

// 1. the root's word, which stands by itself  2. who says it, and may they  3. is it newer
bool AddressDirectory::adopt(const wire::pb::SignedDirectory& theirs) {
  std::lock_guard guard{mutex_};
  auto const known_word = registry_.root_word();
  auto const newer_word = wire::newer_root_word(known_word, theirs.root_word(), identity_.roots());
  if (newer_word != known_word) registry_.set_root_word(newer_word);
  else registry_.heal_root_word();
  auto const word = wire::stored_root_word(newer_word, identity_.roots());

  wire::pb::SignedDirectory stored;
  auto const ours = stored_content(stored);
  if (ours && stored.directory() == theirs.directory()) return false;
  wire::KnownDirectory known;
  known.used = ours ? &*ours : nullptr;
  known.serial = ours ? ours->serial() : 0;
  known.word = word ? &*word : nullptr;
  std::string why;
  auto const content = wire::believable_directory(theirs, known, word ? word->roots : identity_.roots(), clock_.wall(), why);
  if (!content) {
    log_warning("the partner's address directory is ignored: {}", why);
    return false;
  }
  if (ours && ours->serial() >= content->serial()) return false;
  registry_.set_directory(wire::known_part(theirs).SerializeAsString());
  return true;
}

void AddressDirectory::follow_root(const Authority& old, const Authority& next, Random& random) {
  std::string const doing = "rolling over to a new root";
  std::lock_guard guard{mutex_};
  refuse_without_word(doing);
  auto const word = word_locked();
  if (!is_newest(old, word)) throw failure(Errc::usage, doing + ": another one follows this root already; it takes the key of that one");
  auto content = word ? word->content : wire::pb::RootWord{};
  if (content.root().empty()) content.add_root()->set_certificate(to_string(old.certificate().der()));
  if (static_cast<std::size_t>(content.root_size()) >= kMaxRoots) throw failure(Errc::too_large, doing + ": there were " + std::to_string(kMaxRoots) + " already, which is all that there can be");
  auto* root = content.add_root();
  root->set_certificate(to_string(next.certificate().der()));
  root->set_link(to_string(old.issue_link(next.certificate(), random).der()));
  say(content, next);
}

void AddressDirectory::revoke(const Authority& root, wire::pb::Revoked what) {
  std::lock_guard guard{mutex_};
  refuse_without_word("revoking");
  auto const word = word_locked();
  if (!is_newest(root, word)) throw failure(Errc::usage, "revoking: it takes the key of the newest root, and another one follows this one");
  wire::pb::RootWord next = word ? word->content : wire::pb::RootWord{};
  for (auto const& known : next.revoked())
    if (known.key() == what.key() && known.server_id() == what.server_id()) throw failure(Errc::exists, "revoking: it was revoked already, on " + rfc3339(WallTime{std::chrono::nanoseconds{known.since_ns()}}));
  if (next.revoked_size() == wire::kMaxRevoked) throw failure(Errc::too_large, "revoking: the root's word names " + std::to_string(wire::kMaxRevoked) + " already, which is all that it can");
  what.set_since_ns(clock_.wall().time_since_epoch().count());
  *next.add_revoked() = std::move(what);
  say(next, root);
}

void AddressDirectory::say(wire::pb::RootWord& word, const Authority& root) {
  word.set_serial(std::max(word.serial() + 1, wire::serial_floor(clock_.wall())));
  word.set_time_ns(clock_.wall().time_since_epoch().count());
  registry_.set_root_word(wire::sign_root_word(word, root.key()).SerializeAsString());
  static_cast<void>(word_locked());
}

namespace {
std::optional<wire::pb::Directory> content_of(std::string_view signed_directory) {
  auto const stored = wire::parse_message<wire::pb::SignedDirectory>(signed_directory);
  auto content = stored ? wire::parse_message<wire::pb::Directory>(stored->directory()) : result<wire::pb::Directory>{Errc::malformed};
  return content ? std::optional{std::move(*content)} : std::nullopt;
}
}  // namespace

std::uint64_t AddressDirectory::serial_of(std::string_view signed_directory) {
  auto const content = content_of(signed_directory);
  return content ? content->serial() : 0;
}

std::uint64_t AddressDirectory::set_aside() {
  std::lock_guard guard{mutex_};
  auto const content = content_of(registry_.directory());
  auto const serial = content ? content->serial() : 0;
  auto const word = word_locked();
  bool const primary = primary_locked(content && content->pair_size() > 0 ? content : std::nullopt, word);
  if (!primary) {
    registry_.set_directory("");
    return serial;
  }
  keep_word_true(word);
  // Agents may have taken what is put aside, and take nothing below it: so the new one is above it, unless that is where nobody would believe it.
  store(wanted(next_serial(serial < wire::serial_ceiling(0, clock_.wall()) ? serial : 0)));
  return serial;
}

}  // namespace farkeep
