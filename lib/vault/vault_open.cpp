#include <boost/asio/this_coro.hpp>
#include <cstring>

#include "async/fence.hpp"
#include "base/log.hpp"
#include "platform/atomic_file.hpp"
#include "vault/receipt_facts.hpp"
#include "vault/vault.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kSalvagePiece = std::size_t{1} << 20;
constexpr std::size_t kMaxCompleteFile = std::size_t{256} << 20;  // 25 M nodes

std::optional<Buffer> read_cache_file(Disk* disk, std::string path) { return read_file(*disk, path, kMaxCompleteFile); }
void write_cache_file(Disk* disk, std::string path, Buffer bytes) { write_file_atomically(*disk, path, bytes); }

// The whole records of an interrupted upload, if it was this vault's: the segment, shrunk to them.
Buffer salvageable(Buffer segment, AccountId account, AgentId agent) {
  std::size_t kept = 0;
  auto header = parse_segment_header(segment);
  if (header && header->account == account && header->agent == agent) {
    for (const SegmentEntry& e : walk_segment(segment)) {
      std::memmove(segment.data() + kept, segment.data() + e.offset + kFrameHeader, e.length);
      kept += e.length;
    }
  }
  segment.resize(kept);
  return segment;
}

SegmentHeader header_for(const IndexOwner& owner) {
  SegmentHeader h;
  h.account = owner.account;
  h.agent = owner.agent;
  return h;
}

SegmentWriter::Limits limits_of(const VaultSettings& settings) {
  SegmentWriter::Limits l;
  l.target = settings.segment_target;
  l.age = settings.segment_age;
  return l;
}

}  // namespace

Vault::Vault(Executor executor, Store& store, Disk& cache_disk, std::string cache_folder, IndexOwner owner, Workers& workers,
             Timers& timers, VaultSettings settings)
    : store_(store), cache_disk_(cache_disk), cache_folder_(std::move(cache_folder)), owner_(owner), workers_(workers),
      timers_(timers), settings_(settings), layout_(owner.account, owner.agent), segments_(store, workers, layout_),
      index_(cache_disk, cache_folder_, owner, segments_, workers), copies_(index_), reported_(store, layout_, index_),
      writer_(store, timers, index_, header_for(owner), limits_of(settings)), scope_(std::move(executor)) {}

Vault::~Vault() = default;

task<std::unique_ptr<Vault>> Vault::open(Store& store, Disk& cache_disk, std::string cache_folder, AccountId account,
                                         AgentId agent, Workers& workers, Timers& timers, VaultSettings settings) {
  Executor executor = co_await asio::this_coro::executor;
  IndexOwner owner{store.id(), account, agent};
  std::unique_ptr<Vault> vault{new Vault{std::move(executor), store, cache_disk, std::move(cache_folder), owner, workers, timers, settings}};
  std::exception_ptr error;
  try {
    co_await vault->start();
  } catch (...) {
    error = std::current_exception();
  }
  if (!error) co_return vault;
  // Also when it was a cancellation: what start() has started must end before the vault goes.
  co_await asio::this_coro::throw_if_cancelled(false);
  try {
    co_await vault->close();
  } catch (const std::exception& e) {
    log_debug("closing a vault that did not open: {}", e.what());
  }
  co_await asio::this_coro::throw_if_cancelled(true);
  std::rethrow_exception(error);
}

// 1. where everything is  2. which snapshots there are  3. what a crash left half written
task<void> Vault::start() {
  co_await index_.open();
  co_await load_complete_nodes();
  co_await load_aside();
  co_await load_snapshots();
  co_await load_partner_receipts();
  co_await count_small_objects();
  co_await reported_.load();
  writer_.skip_to(std::max({index_.next_segment(), complete_.highest_segment() + 1, at_partner_.highest_segment() + 1}));
  writer_.start(scope_);
  scope_.spawn(index_loop(), "index merger");
  co_await salvage();
}

// True only of the segments that the index knows: with another index they are examined again.
task<void> Vault::load_complete_nodes() {
  if (index_.was_rebuilt()) co_return;
  co_await load_nodes(complete_, complete_saved_, "complete");
  co_await load_nodes(at_partner_, at_partner_saved_, "mirrored");
}

task<void> Vault::load_nodes(CompleteNodes& to, std::size_t& saved, const char* name) {
  try {
    auto bytes = co_await workers_.offload(&read_cache_file, &cache_disk_, cache_folder_ + "/" + name);
    if (bytes) to = CompleteNodes::parse(*bytes, owner_);
  } catch (const failure& f) {
    log_warning("the list of {} catalog nodes cannot be read: {}", name, f.what());
  }
  saved = to.size();
}

task<void> Vault::save_complete_nodes() {
  co_await save_nodes(complete_, complete_saved_, "complete");
  co_await save_nodes(at_partner_, at_partner_saved_, "mirrored");
}

task<void> Vault::save_nodes(CompleteNodes& nodes, std::size_t& saved, const char* name) {
  if (nodes.size() == saved) co_return;
  std::size_t const size = nodes.size();
  try {
    co_await workers_.offload(&write_cache_file, &cache_disk_, cache_folder_ + "/" + name, nodes.encode(owner_));
    saved = size;
  } catch (const failure& f) {
    log_warning("the list of {} catalog nodes cannot be written: {}", name, f.what());
  }
}

task<void> Vault::load_snapshots() {
  auto objects = co_await store_.list(layout_.snapshots());
  for (const ObjectInfo& object : objects) {
    auto sequence = VaultLayout::number_of(object.name);
    auto bytes = co_await read_small(object.name);
    if (!sequence || !bytes) continue;
    auto commit = parse_commit_object(*bytes);
    if (commit && commit->sequence == *sequence && aside_.contains({*sequence, VaultLayout::brief_digest(commit->digest)})) {
      // A crash between the two steps of setting it aside: here is the second one.
      co_await remove_if_it_can(layout_.partner(*sequence));
      co_await remove_if_it_can(object.name);
    } else if (commit && commit->sequence == *sequence) {
      add_row(*commit);
    } else if (!commit && classify(commit.error()) == Errc::unsupported_version) {
      throw failure(Errc::unsupported_version, "reading " + object.name);
    } else {
      co_await keep_damaged(*sequence, std::move(*bytes));
    }
  }
}

void Vault::add_row(const CommitObject& commit) {
  Row row;
  row.digest = commit.digest;
  row.previous = commit.previous;
  if (auto const facts = receipt_facts(commit.receipt)) {
    row.mark = facts->mark;
    row.received_ns = facts->time_ns;
  }
  rows_.emplace(commit.sequence, row);
}

// From a disk that perhaps takes nothing at the moment: the rest can be restored, and the next opening tries again.
task<void> Vault::remove_if_it_can(std::string name) {
  try {
    co_await store_.remove(name);
  } catch (const failure& f) {
    if (classify(f.code()) == Errc::cancelled) throw;
    log_warning("{} stays where it is, and counts as gone: {}", name, f.what());
  }
}

// A rotten commit object is kept for people to look at, and makes room for the same snapshot from the partner.
task<void> Vault::keep_damaged(std::uint64_t sequence, Buffer bytes) {
  log_error("{} is damaged: the snapshot is gone from here until the partner commits it again", layout_.snapshot(sequence));
  try {
    co_await store_.put(layout_.damaged_snapshot(sequence), std::move(bytes));
    co_await store_.remove(layout_.snapshot(sequence));
  } catch (const failure& f) {
    // The other snapshots can be restored; whoever commits this one again puts it aside then.
    log_warning("{} stays where it is: {}", layout_.snapshot(sequence), f.what());
  }
}

// Nobody was told that these records are durable; they only save sending them again.
task<void> Vault::salvage() {
  auto left = co_await store_.leftovers(layout_.segments());
  for (const ObjectInfo& object : left) {
    try {
      // The number is not used again: the upload may have been finished and lost only its name.
      if (auto number = VaultLayout::number_of(object.name); number && *number < kSegmentNumbers) writer_.skip_to(static_cast<std::uint32_t>(*number) + 1);
      auto segment = co_await store_.get_leftover(object.name);
      if (!segment) continue;
      Buffer records = co_await workers_.offload(&salvageable, std::move(*segment), owner_.account, owner_.agent);
      if (!records.empty()) {
        log_info("{} was interrupted: {} bytes of it are looked at", object.name, records.size());
        co_await receive_again(std::move(records));
      }
      co_await store_.discard_leftover(object.name);
    } catch (const failure& f) {
      log_warning("what is left of {} is not used: {}", object.name, f.what());
    }
  }
}

// In pieces: a segment is in memory once, not once more for its frames.  Records whose envelope did not last are of no use.
task<void> Vault::receive_again(Buffer records) {
  for (ByteView rest{records}; !rest.empty();) {
    std::size_t size = 0;
    while (size < rest.size() && size < kSalvagePiece) size += value_or_throw(parse_record_prefix(rest.subspan(size)), "salvaging records").size();
    Buffer piece = to_buffer(rest.first(size));
    rest = rest.subspan(size);
    try {
      Room room;  // has a name because of the lint await
      co_await receive(std::move(piece), std::move(room));
    } catch (const failure& f) {
      if (classify(f.code()) != Errc::missing_object) throw;
      log_info("{} bytes of them are not kept: their session is not known", size);
    }
    co_await writer_.room();
  }
  co_await writer_.flush();
}

task<void> Vault::index_loop() {
  const auto turn = [this]() -> task<void> {
    if (std::exchange(committed_, false)) co_await index_.settle();
    co_await index_.merge();
  };
  while (!closing_) {
    auto const problem = co_await problem_of(turn());
    if (!problem.empty()) log_warning("merging tables of the index: {}", problem);
    if (!closing_ && !committed_) co_await writer_.index_work().wait();
  }
}

task<void> Vault::close() {
  // Also when the one who closes is cancelled, before or meanwhile: what was received becomes durable, and the coroutines must end.
  bool const throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  closing_ = true;
  std::exception_ptr error;
  try {
    co_await writer_.close();
    co_await save_complete_nodes();
    co_await index_.close();
  } catch (...) {
    error = std::current_exception();
  }
  index_.stop();
  scope_.cancel();
  try {
    co_await scope_.join();
  } catch (...) {
    if (!error) error = std::current_exception();
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (error) std::rethrow_exception(error);
}

}  // namespace farkeep
