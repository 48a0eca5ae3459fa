#include "vault/aside_orders.hpp"

#include <algorithm>
#include <charconv>

#include "base/codec.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "platform/atomic_file.hpp"
#include "vault/audit_log.hpp"
#include "vault/checksum.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kSnapshotMagic = "FKA1", kSlotMagic = "FKA2";
constexpr std::string_view kDone = ".done";
constexpr std::size_t kMaxOrderReason = 500;
constexpr std::size_t kMaxOrder = 4096;
constexpr std::size_t kMaxOutcome = 2048;

// magic  account 16  agent 16  sequence u64  time i64  size u32, reason  size u32, outcome   XXH3
Buffer encode(const AsideOrder& order, std::string_view outcome) {
  Buffer out;
  Writer w{out};
  w.raw(as_bytes(order.what == AsideOrder::What::snapshot ? kSnapshotMagic : kSlotMagic));
  w.raw(order.account.view());
  w.raw(order.agent.view());
  w.number(order.sequence);
  w.number(static_cast<std::uint64_t>(order.time_ns));
  w.number(static_cast<std::uint32_t>(order.reason.size()));
  w.raw(as_bytes(order.reason));
  w.number(static_cast<std::uint32_t>(outcome.size()));
  w.raw(as_bytes(outcome));
  checksum_of(out).write(w);
  return out;
}

struct Parsed {
  AsideOrder order;
  std::string outcome;
};
std::optional<Parsed> parse(ByteView bytes) {
  if (bytes.size() < Checksum::kSize) return std::nullopt;
  Reader end{bytes.last(Checksum::kSize)};
  bytes = bytes.first(bytes.size() - Checksum::kSize);
  if (checksum_of(bytes) != Checksum::read(end)) return std::nullopt;
  Reader r{bytes};
  auto const magic = as_text(r.raw(kSnapshotMagic.size()));
  bool const ours = magic == kSnapshotMagic || magic == kSlotMagic;
  auto const account = AccountId::from(r.raw(AccountId::kSize));
  auto const agent = AgentId::from(r.raw(AgentId::kSize));
  Parsed out;
  out.order.what = magic == kSlotMagic ? AsideOrder::What::key_slot : AsideOrder::What::snapshot;
  out.order.sequence = r.number<std::uint64_t>();
  out.order.time_ns = static_cast<std::int64_t>(r.number<std::uint64_t>());
  out.order.reason = to_string(r.raw(r.number<std::uint32_t>()));
  out.outcome = to_string(r.raw(r.number<std::uint32_t>()));
  if (!ours || !r.done() || !account || !agent) return std::nullopt;
  out.order.account = *account;
  out.order.agent = *agent;
  return out;
}

bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f || c == '"' || c == '\\'; });
}

}  // namespace

std::string AsideOrders::path_of(const AsideOrder& order) const {
  return fmt::format("{}/{}{}-{:016x}-{:016x}", folder_, order.what == AsideOrder::What::key_slot ? "slot-" : "", order.agent.hex(), order.sequence, static_cast<std::uint64_t>(order.time_ns));
}

void AsideOrders::place(const AsideOrder& order) {
  if (order.reason.empty() || order.reason.size() > kMaxOrderReason || !is_plain(order.reason))
    throw failure(Errc::usage, "setting aside: a reason is needed, of at most 500 plain letters without quotation marks");
  disk_.make_folders(folder_);
  write_file_atomically(disk_, path_of(order), encode(order, {}));
}

std::vector<AsideOrder> AsideOrders::pending() {
  std::vector<AsideOrder> out;
  for (auto const& name : disk_.list(folder_)) {
    if (is_temporary_name(name) || name.ends_with(kDone)) continue;
    auto const bytes = read_file(disk_, folder_ + '/' + name, kMaxOrder);
    auto parsed = parse(bytes ? ByteView{*bytes} : ByteView{});
    if (parsed) out.push_back(std::move(parsed->order));
    else if (damaged_.insert(name).second) log_error("{}/{} is damaged: remove it, and give the order again", folder_, name);
  }
  return out;
}

// 1. what came of it  2. the line  3. the order goes: a crash before that carries it out once more, which finds it done
void AsideOrders::finish(const AsideOrder& order, const std::string& outcome, std::int64_t now_ns) {
  auto const path = path_of(order);
  write_file_atomically(disk_, path + std::string{kDone}, encode(order, outcome.substr(0, kMaxOutcome)));
  bool const is_slot = order.what == AsideOrder::What::key_slot;
  boost::json::object line;
  line["act"] = is_slot ? "slots set-aside" : "snapshots set-aside";
  line["agent"] = order.agent.hex();
  if (is_slot) line["number"] = fmt::format("{:016x}", order.sequence);
  else line["number"] = order.sequence;
  line["ordered_ns"] = order.time_ns;
  line["reason"] = order.reason;
  line["outcome"] = is_plain(outcome) ? outcome : "refused";
  audit(disk_, data_, now_ns, std::move(line));
  disk_.remove(path);
  disk_.sync_folder(folder_);
}

std::optional<std::string> AsideOrders::outcome(const AsideOrder& order) const {
  auto const bytes = read_file(disk_, path_of(order) + std::string{kDone}, kMaxOrder);
  auto parsed = parse(bytes ? ByteView{*bytes} : ByteView{});
  if (!parsed) return std::nullopt;
  return std::move(parsed->outcome);
}

}  // namespace farkeep
