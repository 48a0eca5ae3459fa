#include "vault/reported.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"

namespace farkeep {

namespace {

// Nothing for one that cannot be read: it hides itself alone.
task<std::optional<Buffer>> read_if_it_can(Store& store, std::string name) {
  try {
    co_return co_await store.get(name);
  } catch (const failure& f) {
    if (classify(f.code()) != Errc::io) throw;
    log_error("{} cannot be read: {}", name, f.what());
  }
  co_return std::nullopt;
}

}  // namespace

task<void> ReportedIds::load() {
  auto const objects = co_await store_.list(layout_.reports());
  for (const ObjectInfo& object : objects) {
    auto const number = VaultLayout::number_of(object.name);
    if (!number) continue;
    next_ = std::max(next_, *number + 1);
    ++reports_;
    auto const bytes = co_await read_if_it_can(store_, object.name);
    auto const report = parse_report(bytes ? ByteView{*bytes} : ByteView{});
    if (!report) {
      log_error("{} is damaged: spares of what it names are no longer taken", object.name);
      continue;
    }
    for (const ReportedObject& o : *report)
      if (reported_.size() < kMostIds || reported_.contains(o.id)) reported_[o.id] = std::max(reported_[o.id], o.copies);
  }
  co_await find_wanted();
}

// A spare is one copy more than there were at the report.
task<void> ReportedIds::find_wanted() {
  std::vector<ObjectId> ids;
  for (const auto& [id, copies] : reported_) ids.push_back(id);
  if (ids.empty()) co_return;
  std::vector<ObjectId> asked = ids;
  auto const copies = co_await index_.copies(std::move(asked));
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (copies[i].size() <= reported_[ids[i]] && copies[i].size() < kMostCopies) wanted_[ids[i]] = reported_[ids[i]];
}

task<void> ReportedIds::add(std::vector<ReportedObject> objects) {
  std::erase_if(objects, [this](const ReportedObject& o) {
    auto const known = reported_.find(o.id);
    bool const news = known == reported_.end() || known->second < o.copies;
    return !news || o.copies >= kMostCopies;
  });
  if (objects.empty()) co_return;
  if (reports_ >= kMostReports || reported_.size() + objects.size() > kMostIds) {
    log_warning("{}: so many objects were reported as unusable that no spares of more are taken", layout_.top());
    co_return;
  }
  ++reports_;
  bool made = false;
  while (!made) made = co_await store_.put_new(layout_.report(next_++), encode_report(objects));
  for (const ReportedObject& o : objects) {
    reported_[o.id] = o.copies;
    wanted_[o.id] = o.copies;
  }
}

}  // namespace farkeep
