/**
 * A small separate file system for tests of full disks and read-only folders; needs the right to
 * mount.
 */

/** A mounted tmpfs; the mount is undone at the end of the scope that holds it. */
export interface SmallDisk extends Disposable {
  /** Path at which it is mounted. */
  readonly path: string;
  /** Forbids writing from now on, for root too, who is above file modes. */
  makeReadOnly(): void;
}

/** Mounts a tmpfs of the given size in bytes. */
export function smallDisk(bytes: number): SmallDisk {
  const path = Deno.makeTempDirSync({ prefix: "small-disk-" });
  run("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path);
  return {
    path,
    makeReadOnly: () => run("mount", "-o", "remount,ro", path),
    [Symbol.dispose]() {
      run("umount", path);
      Deno.removeSync(path);
    },
  };
}

function run(command: string, ...args: string[]): void {
  const { success, stderr } = new Deno.Command(command, { args }).outputSync();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr).trim()}`);
}

/** Whether this process may mount; tests say `ignore: !canMount`. */
export const canMount: boolean = mayMount();

function mayMount(): boolean {
  try {
    smallDisk(65536)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}
