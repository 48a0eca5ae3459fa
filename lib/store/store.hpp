#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.hpp"
#include "base/bytes.hpp"
#include "base/id.hpp"

namespace farkeep {

/// Made with the store: tells a store that was lost and made anew from the one that was.
using StoreId = Id<16, struct StoreTag>;

struct ObjectInfo {
  std::string name;
  std::uint64_t size = 0;
  bool operator==(const ObjectInfo&) const = default;
};

/// An object that is written piece by piece, and exists only when it is finished.
///
/// One call at a time.  After a failed call only destruction is allowed: a write or a sync that failed is never repeated.
class Upload {
 public:
  /// Without finish(): nothing becomes visible, and the space is given back.
  virtual ~Upload() = default;
  /// One behind the other; all are given back before it returns.
  virtual task<void> append(std::vector<Buffer> pieces) = 0;
  task<void> append(Buffer bytes);
  /// On return the object is whole, durable and visible.  Errc::exists when the name is taken.
  virtual task<void> finish() = 0;
};

/// A place that keeps named, immutable objects.
///
/// Names: 1 to 200 of a-z 0-9 . _ - /, parts not empty, not "." or "..", not ending in ".obj"; anything else is Errc::malformed.
/// What returned survives a power loss.  A failed call (no_space, io …) leaves every other object as it was, and its own name either whole or absent (but
/// for replace()); the store may then refuse to write until nothing is in doubt, and reads on.  Nothing is promised because of a sync that follows one that failed.
/// Cancelling: a call that has begun is carried out; its caller meets the cancellation later.
/// Many calls may run at once, from one thread.  The store outlives its calls and uploads.
class Store {
 public:
  virtual ~Store() = default;

  virtual StoreId id() const = 0;

  /// A name that exists is no error and stays as it is: same name means same bytes.
  virtual task<void> put(std::string name, Buffer body) = 0;
  /// Exactly one of any number of callers gets true.  False: the name exists (durably), nothing was written.
  virtual task<bool> put_new(std::string name, Buffer body) = 0;
  /// In the place of what has this name, if anything: at any moment, and after a failed call or a power loss, the one or the other is there, whole.
  virtual task<void> replace(std::string name, Buffer body) = 0;
  virtual task<std::unique_ptr<Upload>> begin(std::string name) = 0;

  /// The object, or nothing if there is none.
  virtual task<std::optional<Buffer>> get(std::string name) = 0;
  /// Bytes from `offset` on; fewer than `size` only where the object ends.  Errc::not_found when there is no object.
  virtual task<Buffer> get_range(std::string name, std::uint64_t offset, std::size_t size) = 0;

  /// All objects below a folder ("" or ending in "/"), in order of their names.  They survive a power loss, also those that a
  /// process made that was killed before it could say so.
  virtual task<std::vector<ObjectInfo>> list(std::string folder) = 0;
  /// The folders directly below a folder, without what stands before them and without "/", in order.
  virtual task<std::vector<std::string>> list_folders(std::string folder) = 0;

  /// Gone on return, durably.  One that is not there is no error.
  virtual task<void> remove(std::string name) = 0;

  /// Uploads below a folder that a crash interrupted before this store was opened: the bytes may end anywhere, and what
  /// was not synced may be anything.  They stay until they are discarded.
  virtual task<std::vector<ObjectInfo>> leftovers(std::string folder) = 0;
  virtual task<std::optional<Buffer>> get_leftover(std::string name) = 0;
  virtual task<void> discard_leftover(std::string name) = 0;
};

/// The longest object that get() reads as a whole: a segment at its largest target, and room.
inline constexpr std::size_t kMaxObject = std::size_t{256} << 20;

/// Whether a name keeps to the rules above.
bool is_object_name(std::string_view name) noexcept;
/// Throws failure(malformed) for one that does not.
void check_object_name(std::string_view name);
/// The same for the folder arguments of list().
void check_object_folder(std::string_view folder);

}  // namespace farkeep
