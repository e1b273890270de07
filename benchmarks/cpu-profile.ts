/** What has Node leave a CPU profile of a process's life in a folder, if anywhere. */
export function cpuProfileFlags(folder: string | undefined): readonly string[] {
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}
