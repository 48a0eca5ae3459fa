#pragma once

#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace farkeep {

/// Records of the registry, each read when a loop comes to it: however many there are and whoever made them long, memory holds one of them and all ids.
/// What is made or goes meanwhile may be missing; what is damaged is left out.  Lives no longer than the registry.
template <class Record>
class Records {
 public:
  using Read = std::function<std::optional<Record>(const std::string& id)>;
  Records(std::vector<std::string> ids, Read read) : ids_(std::move(ids)), read_(std::move(read)) {}

  class Iterator {
   public:
    explicit Iterator(const Records& of) : of_(&of) { ++*this; }
    Record& operator*() noexcept { return *now_; }
    Record* operator->() noexcept { return &*now_; }
    Iterator& operator++() {
      now_.reset();
      while (!now_ && at_ < of_->ids_.size()) now_ = of_->read_(of_->ids_[at_++]);
      return *this;
    }
    bool operator==(std::default_sentinel_t) const noexcept { return !now_; }

   private:
    const Records* of_;
    std::size_t at_ = 0;
    std::optional<Record> now_;
  };

  Iterator begin() const { return Iterator{*this}; }
  std::default_sentinel_t end() const noexcept { return {}; }
  /// These read: as many as they must.
  bool empty() const { return begin() == end(); }
  std::size_t size() const {
    std::size_t count = 0;
    for (auto one = begin(); one != end(); ++one) ++count;
    return count;
  }

 private:
  std::vector<std::string> ids_;
  Read read_;
};

}  // namespace farkeep
