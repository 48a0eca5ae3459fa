#pragma once

#include "agent/backup.hpp"
#include "config/agent_config.hpp"
#include "platform/disk.hpp"

namespace farkeep {

/// What a run needs of a [job NAME] section; reads its exclude_file.  Throws failure(configuration) naming file and line of every wrong rule.
BackupJob backup_job(const JobConfig& config, Disk& disk);

/// Gives freed memory back where [limits] memory asks for little.  Before threads begin.
void save_memory(const AgentConfig& config);

/// Stands back as [limits] nice, ionice and memory say: this thread, and what it starts from then on.  Warns where the system refuses.
void stand_back(const AgentConfig& config);

}  // namespace farkeep
