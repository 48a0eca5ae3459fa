#include "agent/key_slots.hpp"

#include <algorithm>
#include <map>

#include "base/error.hpp"

namespace farkeep {
namespace {

// What 1,024 slots of a server can make us do without a secret is hashing half a megabyte; a server that sends more is not believed.
constexpr std::size_t kMostLookedAt = 1024;
// In units of a new slot's cost, half a second each: two slots at the highest cost that is allowed, or eight at four times the usual one.
constexpr std::uint64_t kBudget = 32;

std::uint64_t work(const ScryptCost& cost) { return cost.n * cost.r * cost.p; }  // check() bounds it: 2^22 * 4

struct Candidate {
  std::size_t index;
  ScryptCost cost;
};

// The oldest, the newest, the second oldest…: whoever adds slots afterwards hides neither the first nor, if that stopped, the last ones.
template <class T>
void alternate(std::span<T> equal) {
  std::vector<T> out;
  for (std::size_t first = 0, end = equal.size(); first < end;) {
    out.push_back(std::move(equal[first++]));
    if (first < end) out.push_back(std::move(equal[--end]));
  }
  std::move(out.begin(), out.end(), equal.begin());
}

void add(std::vector<SecretKey>& roots, SecretKey root) {
  if (std::none_of(roots.begin(), roots.end(), [&](const SecretKey& known) { return equal(known.view(), root.view()); })) roots.push_back(std::move(root));
}

std::string told(const std::map<std::string, std::size_t>& counts) {
  std::string out;
  for (auto& [why, count] : counts) out += (out.empty() ? "" : ", ") + std::to_string(count) + " " + why;
  return out;
}

std::string reason(const boost::system::error_code& code) {
  switch (classify(code)) {
    case Errc::damaged: return "damaged";
    case Errc::unsupported_version: return "of a kind that this program does not know";
    case Errc::too_large: return "too costly to try";
    default: return "malformed";
  }
}

}  // namespace

// 1. which could be tried  2. at our own cost first, the rest by cost  3. as many as the budget allows
SlotPlan plan_slots(std::span<const Buffer> slots) {
  SlotPlan plan;
  std::map<std::string, std::size_t> passed_over;
  std::vector<Candidate> line;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (i >= kMostLookedAt) {
      ++passed_over["beyond the first " + std::to_string(kMostLookedAt)];
      continue;
    }
    if (auto kind = slot_kind(slots[i]); kind && *kind != SlotKind::passphrase) continue;
    const auto cost = passphrase_cost(slots[i]);
    if (cost) line.push_back({i, *cost});
    else ++passed_over[reason(cost.error())];
  }
  plan.fitting = line.size();

  const std::uint64_t usual = work(ScryptCost{});
  const auto rank = [&](const Candidate& c) { return work(c.cost) == usual ? std::uint64_t{0} : work(c.cost); };
  std::stable_sort(line.begin(), line.end(), [&](const Candidate& a, const Candidate& b) { return rank(a) < rank(b); });
  for (std::size_t begin = 0; begin < line.size();) {
    std::size_t end = begin;
    while (end < line.size() && rank(line[end]) == rank(line[begin])) ++end;
    alternate(std::span(line).subspan(begin, end - begin));
    begin = end;
  }

  std::uint64_t left = kBudget * usual;
  for (auto& c : line) {
    if (plan.order.size() < kMaxSlots && work(c.cost) <= left) {
      left -= work(c.cost);
      plan.order.push_back(c.index);
    } else {
      ++passed_over["more than are tried"];
    }
  }
  plan.passed_over = told(passed_over);
  return plan;
}

OpenedSlots open_with_passphrase(std::span<const Buffer> slots, const SecretText& passphrase) {
  const SlotPlan plan = plan_slots(slots);
  OpenedSlots out;
  out.any = plan.fitting > 0;
  out.passed_over = plan.passed_over;
  for (const std::size_t i : plan.order)
    if (auto root = open_passphrase_slot(slots[i], passphrase.view())) add(out.roots, std::move(*root));
  return out;
}

// Each costs one agreement, so all of them are tried.
OpenedSlots open_with_escrow(std::span<const Buffer> slots, const EscrowPrivateKey& key) {
  OpenedSlots out;
  std::map<std::string, std::size_t> passed_over;
  for (std::size_t i = 0; i < std::min(slots.size(), kMostLookedAt); ++i) {
    const auto to = escrow_recipient(slots[i]);
    if (!to || *to != key.public_key()) {
      if (!slot_kind(slots[i])) ++passed_over[reason(slot_kind(slots[i]).error())];
      continue;
    }
    out.any = true;
    auto root = open_escrow_slot(slots[i], key);
    if (root) add(out.roots, std::move(*root));
    else ++passed_over[reason(root.error())];
  }
  alternate(std::span(out.roots));
  for (; out.roots.size() > kMostEscrowRoots; out.roots.pop_back()) ++passed_over["more than are tried"];
  out.passed_over = told(passed_over);
  return out;
}

}  // namespace farkeep
