#include "vault/vaults.hpp"

#include <boost/asio/this_coro.hpp>
#include <algorithm>

#include "async/fair_workers.hpp"
#include "async/fence.hpp"
#include "async/race.hpp"
#include "base/check.hpp"
#include "base/log.hpp"

namespace farkeep {

struct Vaults::Entry {
  std::unique_ptr<Workers> workers;  // its turn among other vaults
  std::unique_ptr<Vault> vault;
  std::size_t leases = 0;
  SteadyTime idle_since;
  Turn moving;           // opening and closing
  bool in_move = false;  // somebody has the turn…
  bool in_line = false;  // …and waits for room
  std::optional<VaultSummary> last;  // when it was closed
  std::exception_ptr trouble;        // with which summary() could not open it…
  std::chrono::nanoseconds wait{};   // …and how long it lets it be…
  SteadyTime again;                  // …until then

  bool is_idle() const { return vault && leases == 0 && !in_move; }
};

namespace {

constexpr std::chrono::nanoseconds kFirstRest = std::chrono::seconds{30}, kLongestRest = std::chrono::minutes{15};  // of a vault that cannot be opened

// Whoever opens or closes an entry; others leave it alone meanwhile.
class Move {
 public:
  explicit Move(bool& flag) : flag_(flag) { flag_ = true; }
  ~Move() { flag_ = false; }
  Move(const Move&) = delete;
  Move& operator=(const Move&) = delete;

 private:
  bool& flag_;
};

// One in line for room.
class Waiting {
 public:
  Waiting(std::size_t& all, bool& in_line) : all_(all), in_line_(in_line) {
    ++all_;
    in_line_ = true;
  }
  ~Waiting() {
    --all_;
    in_line_ = false;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  std::size_t& all_;
  bool& in_line_;
};

}  // namespace

// ---- leases

Vaults::Lease::Lease(std::shared_ptr<Entry> entry, Vaults& vaults)
    : entry_(std::move(entry)), vault_(entry_->vault.get()), vaults_(&vaults) {
  ++entry_->leases;
}

Vaults::Lease& Vaults::Lease::operator=(Lease&& other) noexcept {
  release();
  entry_ = std::move(other.entry_);
  vault_ = other.vault_;
  vaults_ = other.vaults_;
  return *this;
}

void Vaults::Lease::release() noexcept {
  if (!entry_) return;
  if (--entry_->leases == 0) {
    entry_->idle_since = vaults_->timers_.now();
    vaults_->room_.wake_all();
  }
  entry_.reset();
}

// ---- opening

Vaults::Vaults(Store& store, Disk& cache_disk, std::string cache_folder, Workers& workers, Timers& timers, VaultsSettings settings)
    : store_(store), cache_disk_(cache_disk), cache_folder_(std::move(cache_folder)), workers_(workers), timers_(timers),
      settings_(settings) {}

Vaults::~Vaults() { FARKEEP_CHECK(open_count() == 0); }

task<Vaults::Lease> Vaults::open(AccountId account, AgentId agent) {
  VaultName name{account, agent};
  auto& slot = entries_[name];
  if (!slot) slot = std::make_shared<Entry>();
  std::shared_ptr<Entry> entry = slot;
  auto held = co_await entry->moving.take();
  if (!entry->vault) {
    Move move{entry->in_move};
    co_await wait_for_room(entry);
    std::string folder = cache_folder_ + '/' + account.hex() + '/' + agent.hex();
    if (!entry->workers) entry->workers = lane_of(workers_);
    VaultSettings settings = settings_.vault;
    settings.large_checks = &large_checks_;
    entry->vault = co_await Vault::open(store_, cache_disk_, std::move(folder), account, agent, *entry->workers, timers_, settings);
    entry->trouble = nullptr;
    entry->wait = {};
  }
  co_return Lease{std::move(entry), *this};
}

std::size_t Vaults::memory() const {
  std::size_t all = 0;
  for (const auto& [name, entry] : entries_)
    if (entry->vault) all += entry->vault->memory();
  return all;
}

task<void> Vaults::wait_for_room(std::shared_ptr<Entry> entry) {
  if (in_line_ >= settings_.most_waiting) throw failure(Errc::busy, "opening one more vault: too many requests wait for room");
  Waiting const waiting{in_line_, entry->in_line};
  try {
    co_await with_timeout(timers_, settings_.patience, make_room(*entry), "opening one more vault");
  } catch (const failure& f) {
    if (classify(f.code()) != Errc::timed_out) throw;
    throw failure(Errc::busy, "opening one more vault: as many as there may be are in use");
  }
}

// The one that was used longest ago goes; while all are in use, the first in line waits for one that is not.  Only their number makes anybody
// wait: one vault that is large must not keep out all others.
task<void> Vaults::make_room(Entry& entry) {
  auto held = co_await making_room_.take();
  for (;;) {
    bool const full = open_count() >= settings_.most_open;
    if (!full && memory() <= settings_.memory) break;
    std::shared_ptr<Entry> oldest;
    for (const auto& [name, other] : entries_)
      if (other->is_idle() && (!oldest || other->idle_since < oldest->idle_since)) oldest = other;
    if (oldest) {
      co_await close_entry(std::move(oldest));
    } else if (full) {
      co_await room_.wait();
    } else {
      break;
    }
  }
  entry.in_line = false;  // from here on it counts
}

// Counts those that are about to be opened, too, but for who has no room yet.
std::size_t Vaults::open_count() const {
  std::size_t n = 0;
  for (const auto& [name, entry] : entries_)
    if (entry->vault || (entry->in_move && !entry->in_line)) ++n;
  return n;
}

// ---- closing

task<void> Vaults::close_entry(std::shared_ptr<Entry> entry) {
  auto held = co_await entry->moving.take();
  if (!entry->vault || entry->leases > 0) co_return;
  Move move{entry->in_move};
  // Cancelled in the turn in which it was our turn: the next co_await would throw, and that must not be the closing.
  auto const state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) throw boost::system::system_error(asio::error::operation_aborted, "closing a vault");
  std::exception_ptr error;
  try {
    co_await entry->vault->close();
  } catch (...) {
    error = std::current_exception();
  }
  entry->last = summarize(*entry->vault);
  entry->vault.reset();
  if (error) std::rethrow_exception(error);
}

task<void> Vaults::run() {
  for (;;) {
    co_await timers_.sleep(settings_.idle / 4);
    std::vector<std::shared_ptr<Entry>> idle;
    for (const auto& [name, entry] : entries_)
      if (entry->is_idle() && timers_.now() - entry->idle_since >= settings_.idle) idle.push_back(entry);
    for (std::shared_ptr<Entry>& entry : idle) {
      auto const problem = co_await problem_of(close_entry(std::move(entry)));
      if (!problem.empty()) log_error("closing an idle vault: {}", problem);
    }
  }
}

task<void> Vaults::close() {
  co_await asio::this_coro::reset_cancellation_state();
  std::exception_ptr first;
  std::vector<std::shared_ptr<Entry>> all;
  for (const auto& [name, entry] : entries_) all.push_back(entry);
  for (std::shared_ptr<Entry>& entry : all) {
    FARKEEP_CHECK(entry->leases == 0);
    try {
      co_await close_entry(entry);
    } catch (...) {
      if (!first) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
}

// ---- listing

task<std::vector<VaultName>> Vaults::list() {
  std::vector<VaultName> out;
  auto accounts = co_await store_.list_folders("v/");
  for (const std::string& account_hex : accounts) {
    auto account = AccountId::from_hex(account_hex);
    if (!account) continue;
    auto agents = co_await store_.list_folders("v/" + account_hex + "/");
    for (const std::string& agent_hex : agents)
      if (auto agent = AgentId::from_hex(agent_hex)) out.push_back(VaultName{*account, *agent});
  }
  co_return out;
}

VaultSummary Vaults::summarize(const Vault& vault) {
  VaultSummary s;
  s.name = VaultName{vault.account(), vault.agent()};
  s.head = vault.head();
  s.digest = vault.set_digest();
  s.receipts = vault.receipts_digest();
  s.partner_receipts = vault.partner_receipts_digest();
  s.is_protected = vault.all_protected();
  s.objects = vault.objects();
  s.stored_bytes = vault.stored_bytes();
  return s;
}

task<VaultSummary> Vaults::summary(VaultName name) {
  if (auto at = entries_.find(name); at != entries_.end()) {
    if (at->second->vault) co_return summarize(*at->second->vault);
    if (at->second->last) co_return *at->second->last;
    if (at->second->trouble && timers_.now() < at->second->again) std::rethrow_exception(at->second->trouble);
  }
  try {
    auto const lease = co_await open(name.account, name.agent);
    co_return summarize(*lease);
  } catch (const failure& f) {
    auto const code = classify(f.code());
    if (code == Errc::cancelled || code == Errc::busy) throw;
    Entry& entry = *entries_.at(name);
    entry.trouble = std::current_exception();
    entry.wait = std::clamp(2 * entry.wait, kFirstRest, kLongestRest);
    entry.again = timers_.now() + entry.wait;
    throw;
  }
}

}  // namespace farkeep
