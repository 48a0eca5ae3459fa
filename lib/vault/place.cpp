#include "vault/place.hpp"

#include <algorithm>

namespace farkeep {
namespace {

constexpr std::size_t kOldest = 3;  // of the others: what an honest agent sent a second time; the newest are what it sent after a report

// Of what is too much: the places of the partner's copies are theirs, whatever a thief of the agent's key fills the others with.
void drop_too_many(std::vector<Place>& others) {
  auto const is_partners = [](const Place& p) { return p.from_partner; };
  std::vector<std::size_t> rest;  // where they are in `others`
  std::vector<bool> kept(others.size());
  auto const first = std::find_if(others.begin(), others.end(), is_partners);
  if (first != others.end()) {
    kept[static_cast<std::size_t>(first - others.begin())] = true;
    auto const last = std::find_if(others.rbegin(), others.rend(), is_partners);
    kept[static_cast<std::size_t>(last.base() - 1 - others.begin())] = true;
  }
  std::size_t room = kMostCopies - 1;
  for (std::size_t i = 0; i < others.size(); ++i) {
    if (kept[i]) --room;
    else rest.push_back(i);
  }
  for (std::size_t i = 0; i < rest.size(); ++i) kept[rest[i]] = i < kOldest || i + (room - kOldest) >= rest.size();
  std::vector<Place> out;
  for (std::size_t i = 0; i < others.size(); ++i)
    if (kept[i]) out.push_back(others[i]);
  others = std::move(out);
}

}  // namespace

void sort_by_copy(std::vector<Place>& places) {
  std::ranges::stable_sort(places, {}, &Place::copy);
  auto const twice = std::ranges::unique(places, {}, &Place::copy);
  places.erase(twice.begin(), twice.end());
}

// What is dropped here would be dropped from any larger set, too, so it does not matter in which parts copies are put together.
void put_in_order(std::vector<Place>& copies) {
  sort_by_copy(copies);
  auto const last = std::find_if(copies.rbegin(), copies.rend(), [](const Place& p) { return p.counts; });
  if (last != copies.rend()) std::rotate(copies.begin(), last.base() - 1, last.base());
  if (copies.size() <= kMostCopies) return;
  std::vector<Place> others(copies.begin() + 1, copies.end());
  drop_too_many(others);
  copies.resize(1);
  copies.insert(copies.end(), others.begin(), others.end());
}

}  // namespace farkeep
