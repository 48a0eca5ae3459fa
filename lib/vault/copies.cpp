#include "vault/copies.hpp"

#include <algorithm>

namespace farkeep {

task<std::vector<std::optional<Place>>> ServingCopies::find(std::vector<ObjectId> ids) {
  std::vector<ObjectId> asked = ids;
  auto found = co_await index_.find(std::move(asked));
  std::vector<ObjectId> again;
  std::vector<std::size_t> where;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!found[i] || !is_damaged(*found[i])) continue;
    again.push_back(ids[i]);
    where.push_back(i);
  }
  if (again.empty()) co_return found;
  auto const copies = co_await index_.copies(std::move(again));
  for (std::size_t i = 0; i < copies.size(); ++i) {
    auto const good = std::find_if(copies[i].begin(), copies[i].end(), [this](const Place& p) { return !is_damaged(p); });
    found[where[i]] = good == copies[i].end() ? std::nullopt : std::optional<Place>{*good};
  }
  co_return found;
}

task<std::vector<std::optional<Place>>> ServingCopies::find_of_partner(std::vector<ObjectId> ids, Age age) {
  auto const copies = co_await index_.copies(std::move(ids));
  std::vector<std::optional<Place>> found(copies.size());
  for (std::size_t i = 0; i < copies.size(); ++i) {
    for (const Place& p : copies[i]) {
      if (is_damaged(p)) continue;
      const auto better = [&](const Place& than) { return !than.from_partner || (age == Age::newest) == (p.copy() > than.copy()); };
      if (!found[i] || (p.from_partner && better(*found[i]))) found[i] = p;
    }
  }
  co_return found;
}

task<bool> ServingCopies::has_partners_behind(std::vector<ObjectId> ids) {
  auto const copies = co_await index_.copies(std::move(ids));
  co_return std::any_of(copies.begin(), copies.end(), [this](const std::vector<Place>& of_one) {
    auto const serving = std::find_if(of_one.begin(), of_one.end(), [this](const Place& p) { return !is_damaged(p); });
    return serving != of_one.end() && std::any_of(serving + 1, of_one.end(), [this](const Place& p) { return p.from_partner && !is_damaged(p); });
  });
}

}  // namespace farkeep
