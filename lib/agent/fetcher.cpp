#include "agent/fetcher.hpp"

#include <algorithm>

#include "archive/envelope_record.hpp"
#include "archive/record.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "crypto/digest.hpp"
#include "crypto/envelope.hpp"
#include "wire/refusal.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMostLater = 32 * limits::kMiB;  // of one answer
constexpr std::size_t kMostUnusable = 4 * limits::kMiB;  // of one answer: what is noted of records that are of no use, a hundred thousand ids
constexpr std::size_t kMostTold = 50;    // lines in the log: a server whose disk rots must not fill this machine's
constexpr std::size_t kSessions = 4096;  // one for each run that still has live content

constexpr std::size_t kMostSilence = 10;  // after n times of silence the next 2^n questions to the other server are not asked; but no more than 2^10

// What a server sends as records.
std::vector<RecordView> records_in(ByteView answer, const char* doing) {
  auto views = split_records(answer);
  if (!views) throw failure(Errc::protocol, std::string{doing} + ": they are no records (" + views.error().message() + ")");
  return std::move(*views);
}

std::vector<NodePlainOwned> nodes_in(const ObjectSet& set, const std::vector<ObjectId>& ids) {
  std::vector<NodePlainOwned> nodes;
  nodes.reserve(ids.size());
  for (auto& id : ids)
    if (const OpenedRecord::Object* o = set.find(id)) nodes.push_back(NodePlainOwned{id, to_buffer(o->bytes), {o->refs.begin(), o->refs.end()}});
  return nodes;
}

void forget_found(std::vector<ObjectId>& ids, const ObjectSet& set) {
  std::erase_if(ids, [&](const ObjectId& id) { return set.find(id) != nullptr; });
}

}  // namespace

bool is_about_data(const boost::system::system_error& error) noexcept {
  if (dynamic_cast<const wire::Refusal*>(&error)) return false;
  const Errc code = classify(error.code());
  return code == Errc::missing_object || code == Errc::damaged || code == Errc::id_mismatch || code == Errc::malformed || code == Errc::bad_secret ||
         code == Errc::too_large || code == Errc::unsupported_version;
}

task<std::string> take_lists(NodeLoader& from, ContentStream& stream, std::size_t most) {
  std::string problem;
  try {
    std::vector<NodePlainOwned> lists = co_await from.load(stream.wanted(most));
    for (auto& n : lists) value_or_throw(stream.give(n.id, n.message, n.refs), "reading a list of chunks");
  } catch (const failure& f) {
    if (!is_about_data(f)) throw;
    problem = f.what();
  }
  co_return problem;
}

const OpenedRecord::Object* ObjectSet::find(const ObjectId& id) const {
  const auto it = places_.find(id);
  return it == places_.end() ? nullptr : it->second.object;
}

Fetcher::Unusable Fetcher::useless(ByteView record, Errc why) {
  Unusable out;
  out.digest = sha256(record);
  out.why = why;
  if (auto const view = RecordView::parse(record)) out.ids.assign(view->ids().begin(), view->ids().end());
  return out;
}

Fetcher::Outcome Fetcher::open_record(std::shared_ptr<const Session> with, Buffer record) {
  Outcome out;
  auto opened = with->opener.open(record);
  if (opened) out.opened = std::make_shared<const OpenedRecord>(std::move(*opened));
  else out.unusable = useless(record, classify(opened.error()));
  return out;
}

Fetcher::Fetcher(VaultPort& vault, const AgentKeys& keys, Workers& workers, std::size_t kept, OtherVault* other)
    : vault_(vault), other_(other), keys_(keys), workers_(workers), turns_(workers.threads() + 1), most_kept_(kept) {}

result<std::shared_ptr<const Fetcher::Session>> Fetcher::open_session(const SessionId& id, const RecordView& record) const {
  auto envelope = envelope_of(record);
  if (!envelope) return envelope.error();
  auto key = open_envelope(*envelope, id, keys_.ring.wrap_key());
  if (!key) return key.error();
  RecordOpener opener(*key, keys_.ring, keys_.account, keys_.agent);
  return std::make_shared<const Session>(Session{std::move(*key), std::move(opener)});
}

task<void> Fetcher::fetch_sessions(std::vector<SessionId> wanted) {
  std::vector<ObjectId> ids;
  for (auto& s : wanted)
    if (!sessions_.contains(s)) ids.push_back(envelope_id(s));
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (std::size_t at = 0; at < ids.size(); at += limits::kIdsPerQuestion) {
    const std::size_t n = std::min(ids.size() - at, limits::kIdsPerQuestion);
    std::vector<ObjectId> some(ids.begin() + static_cast<std::ptrdiff_t>(at), ids.begin() + static_cast<std::ptrdiff_t>(at + n));
    VaultPort::Sink sink = [this](Buffer records) -> task<void> {
      const auto views = records_in(records, "reading key envelopes from the server");
      for (auto& v : views) {
        auto session = open_session(v.session(), v);
        if (session && sessions_.size() < kSessions) sessions_.emplace(v.session(), std::move(*session));
      }
      co_return;
    };
    co_await vault_.get(std::move(some), std::move(sink));
  }
}

task<std::shared_ptr<const Fetcher::Session>> Fetcher::session(SessionId id) {
  if (const auto it = sessions_.find(id); it != sessions_.end()) co_return it->second;
  Errc why = Errc::missing_object;
  std::shared_ptr<const Session> session = co_await session_from(vault_, id, why);
  if (!session) {
    std::function<task<void>(VaultPort&)> work = [&](VaultPort& port) -> task<void> { session = co_await session_from(port, id, why); };
    co_await ask_other(std::move(work));
  }
  if (!session) throw failure(why, "reading the key envelope of session " + id.brief() + " from " + vault_.server());
  if (sessions_.size() < kSessions) sessions_.emplace(id, session);
  co_return session;
}

// One copy after the other, until one opens.
task<std::shared_ptr<const Fetcher::Session>> Fetcher::session_from(VaultPort& port, SessionId id, Errc& why) {
  const std::vector<ObjectId> ids{envelope_id(id)};
  std::vector<Digest> tried;
  for (;;) {
    std::shared_ptr<const Session> session;
    std::vector<Digest> news;
    VaultPort::Sink sink = [&](Buffer records) -> task<void> {
      const auto views = records_in(records, "reading a key envelope from the server");
      for (auto& v : views) {
        auto opened = v.session() == id ? open_session(id, v) : result<std::shared_ptr<const Session>>(Errc::id_mismatch);
        if (opened) session = std::move(*opened);
        else if (const Digest digest = sha256(v.bytes()); std::find(tried.begin(), tried.end(), digest) == tried.end()) {
          news.push_back(digest);
          why = classify(opened.error());
        }
      }
      co_return;
    };
    std::vector<ObjectId> asked = ids;
    std::vector<Digest> not_these = tried;
    auto answer = tried.empty() ? port.get(std::move(asked), std::move(sink))
                                : port.get_others(std::move(asked), std::move(not_these), std::move(sink));
    co_await std::move(answer);
    if (session || news.empty()) co_return session;
    if (may_tell()) log_warning("a key envelope of session {} on {} is of no use, another copy is asked for", id.brief(), port.server());
    tried.insert(tried.end(), news.begin(), news.end());
    if (tried.size() > limits::kNotThese) co_return nullptr;
  }
}

bool Fetcher::may_tell() noexcept { return ++told_ <= kMostTold; }

// Where it does not answer, and each question may wait for a whole connection, it is asked more and more rarely.
task<void> Fetcher::ask_other(std::function<task<void>(VaultPort&)> work) {
  const bool waits = silences_ > 0 && not_asked_ < (std::size_t{1} << std::min(silences_, kMostSilence));
  if (!other_ || waits) {
    ++not_asked_;
    asked_everybody_ = false;
    co_return;
  }
  std::string silent;
  try {
    co_await other_->use(std::move(work));
  } catch (const failure& f) {
    if (classify(f.code()) == Errc::cancelled) throw;
    silent = f.what();
  }
  not_asked_ = 0;
  silences_ = silent.empty() ? 0 : silences_ + 1;
  if (silent.empty()) co_return;
  asked_everybody_ = false;
  if (may_tell()) log_warning("the other server cannot help: {}", silent);
}

void Fetcher::keep(const std::shared_ptr<const OpenedRecord>& record) {
  std::size_t bytes = 0;
  for (auto& o : record->objects()) {
    bytes += o.bytes.size() + o.refs.size_bytes();
    where_[o.id] = ObjectSet::Place{record, &o};
  }
  kept_.push_back(Kept{record, bytes});
  kept_bytes_ += bytes;
  while (kept_bytes_ > most_kept_ && kept_.size() > 1) {
    Kept& old = kept_.front();
    for (auto& o : old.record->objects()) {
      const auto it = where_.find(o.id);
      if (it != where_.end() && it->second.record == old.record) where_.erase(it);
    }
    kept_bytes_ -= old.bytes;
    kept_.pop_front();
  }
}

bool Fetcher::find_kept(const ObjectId& id, ObjectSet& set) const {
  if (set.places_.contains(id)) return true;
  const auto it = where_.find(id);
  if (it == where_.end()) return false;
  set.places_.emplace(id, it->second);
  return true;
}

task<void> Fetcher::open(std::shared_ptr<const Session> with, Buffer record, Budget::Lease turn, Arrival& arrival) {
  Outcome outcome = co_await workers_.offload(&Fetcher::open_record, std::move(with), std::move(record));
  turn.release();
  if (outcome.opened) arrival.opened.push_back(std::move(outcome.opened));
  else arrival.refuse(std::move(outcome.unusable));
}

void Fetcher::Arrival::refuse(Unusable record) {
  const std::size_t bytes = sizeof record + record.ids.size() * ObjectId::kSize;
  const bool fits = unusable_bytes + bytes <= kMostUnusable;
  dropped = dropped || !fits;
  if (!fits) return;
  unusable_bytes += bytes;
  unusable.push_back(std::move(record));
}

// Asking here for a session's key would wait behind the very answer that is being read.
task<void> Fetcher::arrived(Buffer records, Arrival& arrival) {
  const auto views = records_in(records, "reading records from the server");
  for (const RecordView& v : views) {
    const auto known = sessions_.find(v.session());
    if (known == sessions_.end()) {
      const bool fits = arrival.later_bytes + v.bytes().size() <= kMostLater;
      arrival.dropped = arrival.dropped || !fits;
      if (!fits) continue;
      arrival.later_bytes += v.bytes().size();
      arrival.later.push_back(to_buffer(v.bytes()));
      continue;
    }
    Budget::Lease turn = co_await turns_.take(1);
    arrival.scope.spawn(open(known->second, to_buffer(v.bytes()), std::move(turn), arrival), "opening a record");
  }
}

task<void> Fetcher::ask(Question question, Arrival& arrival) {
  VaultPort::Sink sink = [this, &arrival](Buffer records) -> task<void> { return arrived(std::move(records), arrival); };
  arrival.missing = co_await question(std::move(sink));
  for (auto& record : arrival.later) {
    const RecordView view = value_or_throw(RecordView::parse(record), "reading records from the server");
    std::shared_ptr<const Session> with;
    Errc why{};
    try {
      with = co_await session(view.session());
    } catch (const failure& f) {
      if (!is_about_data(f)) throw;
      why = classify(f.code());
    }
    if (!with) {
      arrival.refuse(useless(record, why));
      continue;
    }
    Budget::Lease turn = co_await turns_.take(1);
    arrival.scope.spawn(open(std::move(with), std::move(record), std::move(turn), arrival), "opening a record");
  }
}

// What came of one question: what opens is in the set.
task<Fetcher::Arrival> Fetcher::answers(Question question, Scope& scope, ObjectSet& set) {
  Arrival arrival{scope, {}, {}, 0, false, {}, {}, 0};
  scope.spawn(ask(std::move(question), arrival), "fetching records");
  co_await scope.join();
  for (auto& r : arrival.opened) {
    keep(r);
    for (auto& o : r->objects()) set.places_.emplace(o.id, ObjectSet::Place{r, &o});
  }
  co_return arrival;
}

task<void> Fetcher::fetch(std::vector<ObjectId> ids, ObjectSet& set, Lost* told) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (std::size_t at = 0; at < ids.size(); at += limits::kIdsPerQuestion) {
    const std::size_t n = std::min(ids.size() - at, limits::kIdsPerQuestion);
    std::vector<ObjectId> some(ids.begin() + static_cast<std::ptrdiff_t>(at), ids.begin() + static_cast<std::ptrdiff_t>(at + n));
    Errc why = Errc::missing_object;
    std::vector<ObjectId> lost = co_await fetch_from(vault_, std::move(some), set, why);
    if (!lost.empty()) {
      const std::size_t before = lost.size();
      std::function<task<void>(VaultPort&)> work = [&](VaultPort& port) -> task<void> {
        lost = co_await fetch_from(port, lost, set, why);
        if (lost.size() < before && may_tell()) log_warning("{} gave {} objects of which {} has no usable copy", port.server(), before - lost.size(), vault_.server());
      };
      co_await ask_other(std::move(work));
    }
    if (lost.empty()) continue;
    const failure all(why, "reading object " + lost.front().brief() + " and " + std::to_string(lost.size() - 1) + " more from " + vault_.server());
    if (!told) throw all;
    if (!told->why.empty()) continue;
    told->why = std::string{"its content cannot be had: "} + all.what() +
                (asked_everybody_ ? "; the other server has no usable copy either" : "; the other server was not reached, restore it again when it can be");
  }
}

// Returns what this server has no usable copy of; `why`: of the last record that was of no use.  What came while its key was not here, and was more than is
// kept, is asked for again, as long as each turn brings something.
task<std::vector<ObjectId>> Fetcher::fetch_from(VaultPort& port, std::vector<ObjectId> ids, ObjectSet& set, Errc& why) {
  std::vector<ObjectId> lost;
  for (;;) {
    const bool dropped = co_await ask_once(port, ids, set, lost, why);
    const std::size_t before = ids.size();
    forget_found(ids, set);
    std::sort(lost.begin(), lost.end());
    lost.erase(std::unique(lost.begin(), lost.end()), lost.end());
    std::erase_if(ids, [&](const ObjectId& id) { return std::binary_search(lost.begin(), lost.end(), id); });
    if (!dropped || ids.empty() || ids.size() == before) break;
  }
  forget_found(lost, set);
  if (!ids.empty()) {  // neither sent nor named as missing: not there either
    why = Errc::protocol;
    if (may_tell()) log_warning("{} neither sent {} objects nor said that they are missing", port.server(), ids.size());
    lost.insert(lost.end(), ids.begin(), ids.end());
  }
  co_return lost;
}

// One question, and others for what was of no use; what is not there for this server is added to `lost`.  True: records were dropped unread.
task<bool> Fetcher::ask_once(VaultPort& port, const std::vector<ObjectId>& ids, ObjectSet& set, std::vector<ObjectId>& lost, Errc& why) {
  Question question = [&port, &ids](VaultPort::Sink sink) -> task<std::vector<ObjectId>> { return port.get(ids, std::move(sink)); };
  Scope scope(co_await asio::this_coro::executor);
  Arrival arrival = co_await answers(std::move(question), scope, set);
  lost.insert(lost.end(), arrival.missing.begin(), arrival.missing.end());
  for (Unusable& u : arrival.unusable) {
    why = u.why;
    std::vector<ObjectId> wanted;
    for (auto& id : u.ids)
      if (std::binary_search(ids.begin(), ids.end(), id) && !set.places_.contains(id)) wanted.push_back(id);
    if (may_tell())
      log_warning("{} sent a record with {} objects that is of no use ({}); other copies of them are asked for", port.server(), wanted.size(), make_error_code(u.why).message());
    for (std::size_t at = 0; at < wanted.size(); at += limits::kIdsOfOtherCopies) {
      const std::size_t n = std::min(wanted.size() - at, limits::kIdsOfOtherCopies);
      Unusable part{u.digest, {}, u.why};
      part.ids.assign(wanted.begin() + static_cast<std::ptrdiff_t>(at), wanted.begin() + static_cast<std::ptrdiff_t>(at + n));
      const std::vector<ObjectId> still = co_await fetch_others(port, std::move(part), set);
      lost.insert(lost.end(), still.begin(), still.end());
    }
  }
  co_return arrival.dropped;
}

// Copy after copy of what `first` should have held.  A server that sends the same again has no other one.
task<std::vector<ObjectId>> Fetcher::fetch_others(VaultPort& port, Unusable first, ObjectSet& set) {
  std::vector<Digest> tried{first.digest};
  std::vector<ObjectId> left = std::move(first.ids);
  for (forget_found(left, set); !left.empty(); forget_found(left, set)) {
    Question question = [&](VaultPort::Sink sink) -> task<std::vector<ObjectId>> { return port.get_others(left, tried, std::move(sink)); };
    Scope scope(co_await asio::this_coro::executor);
    const Arrival arrival = co_await answers(std::move(question), scope, set);
    const std::size_t before = tried.size();
    for (const Unusable& u : arrival.unusable)
      if (std::find(tried.begin(), tried.end(), u.digest) == tried.end()) tried.push_back(u.digest);
    if (tried.size() == before || tried.size() > limits::kNotThese) break;
  }
  forget_found(left, set);
  co_return left;
}

task<std::shared_ptr<ObjectSet>> Fetcher::objects(std::vector<ObjectId> ids, std::size_t shared) { return gather(std::move(ids), shared, nullptr); }

task<std::shared_ptr<ObjectSet>> Fetcher::objects_there_are(std::vector<ObjectId> ids, std::size_t shared, Lost& lost) { return gather(std::move(ids), shared, &lost); }

task<std::shared_ptr<ObjectSet>> Fetcher::gather(std::vector<ObjectId> ids, std::size_t shared, Lost* lost) {
  struct Ending {
    std::shared_ptr<Call> call = std::make_shared<Call>();
    ~Ending() {
      call->done = true;
      call->finished.wake_all();
    }
  } const ending;
  const std::shared_ptr<Call> before = shared > 0 ? std::exchange(last_, ending.call) : nullptr;
  const std::shared_ptr<ObjectSet> set = ending.call->set;
  std::vector<ObjectId> now, held;
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (!find_kept(ids[i], *set)) (i < shared && before && !before->done ? held : now).push_back(ids[i]);
  co_await fetch(std::move(now), *set, lost);
  if (!held.empty()) {
    while (!before->done) co_await before->finished.wait();
    std::vector<ObjectId> still;
    for (auto& id : held) {
      if (const auto it = before->set->places_.find(id); it != before->set->places_.end()) set->places_.emplace(id, it->second);
      else if (!find_kept(id, *set)) still.push_back(id);
    }
    co_await fetch(std::move(still), *set, lost);
  }
  for (auto& id : ids)
    if (!set->places_.contains(id) && !(lost && !lost->why.empty())) throw failure(Errc::protocol, "reading object " + id.brief() + ": " + vault_.server() + " sent other records");
  co_return set;
}

task<std::vector<NodePlainOwned>> Fetcher::load(std::vector<ObjectId> ids) {
  std::shared_ptr<ObjectSet> set = co_await objects(ids);
  co_return nodes_in(*set, ids);
}

task<std::vector<NodePlainOwned>> Fetcher::nodes_there_are(std::vector<ObjectId> ids, Lost& lost) {
  std::shared_ptr<ObjectSet> set = co_await objects_there_are(ids, 0, lost);
  co_return nodes_in(*set, ids);
}

}  // namespace farkeep
