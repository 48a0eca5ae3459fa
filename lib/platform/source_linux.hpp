#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "platform/descriptor.hpp"
#include "platform/source_tree.hpp"

/// The bodies of source_tree.hpp, by file descriptor.
namespace farkeep::posix {

class OpenSourceFile final : public SourceFile {
 public:
  OpenSourceFile(Descriptor file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}

  std::size_t read(MutableByteView into) override;
  void skip_to(std::uint64_t offset) override { offset_ = offset; }
  EntryStat stat() const override;
  std::vector<DataRange> data_ranges() const override;
  Xattrs xattrs() const override;
  bool is_kernels() const override;
  bool has_flags() const override;

 private:
  Descriptor file_;
  std::string name_;
  std::uint64_t offset_ = 0;
};

class OpenSourceFolder final : public SourceFolder {
 public:
  /// `name`: for messages, as it was given to open() or folder().  `cannot_list`: the folder was opened only to be passed through, because of this.
  OpenSourceFolder(Descriptor folder, std::string name, int cannot_list) : folder_(std::move(folder)), name_(std::move(name)), cannot_list_(cannot_list) {}

  std::vector<SourceName> entries() const override;
  SourceNames names(const std::string& after, std::size_t room) const override;
  std::shared_ptr<SourceFolder> folder(const std::string& name) const override;
  std::unique_ptr<SourceFile> file(const std::string& name) const override;
  std::string link_target(const std::string& name) const override;
  Xattrs xattrs(const std::string& name) const override;
  EntryStat stat(const std::string& name) const override;
  bool lists(const std::string& name) const override;
  EntryStat stat() const override;
  Xattrs xattrs() const override;
  bool is_kernels() const override;
  bool has_flags() const override;

 private:
  bool may_be_listed(const std::string& name) const;

  Descriptor folder_;
  std::string name_;
  int cannot_list_;  // an error number, or 0
  mutable std::mutex search_;
  mutable int searched_ = 0;                   // how often for a name, from its first to its last
  mutable bool is_listed_ = false;             // one of them was there: what lies here is listed, and not given
  mutable std::vector<std::size_t> listed_;  // digests of all names when they were read, sorted; empty: not yet, or they are too many
};

/// Whether an open file or folder lies on a file system that the kernel makes up.
bool lies_in_kernel(int descriptor);
/// Whether it has flags of chattr(1) that somebody set on purpose.
bool is_flagged(int descriptor);

}  // namespace farkeep::posix
