#pragma once

#include "agent/backup.hpp"
#include "config/agent_config.hpp"
#include "platform/disk.hpp"

namespace farkeep {

/// What a run needs of a [job NAME] section; reads its exclude_file.  Throws failure(configuration) naming file and line of every wrong rule.
BackupJob backup_job(const JobConfig& config, Disk& disk);

/// Stands back as [limits] nice and ionice say: this thread, and what it starts from then on.  Warns where the system refuses.
void stand_back(const AgentConfig& config);

}  // namespace farkeep
