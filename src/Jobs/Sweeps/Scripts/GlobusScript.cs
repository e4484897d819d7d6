namespace HeadTap.Jobs;

/// <summary>A program for Globus Compute: one ShellFunction, submitted for every task.</summary>
static class GlobusScript
{
    internal static string Text(ScriptFacts facts) => $$"""
        # {{facts.What}}. Run with: python FILE ENDPOINT_ID
        # Code 75 (interrupted) and 124 (walltime) are tried again; cells that are done are passed over.
        import sys
        from globus_compute_sdk import Executor, ShellFunction

        TASKS, RETRIES = {{facts.Chunks.Count}}, 5
        cells = ShellFunction({{Command(facts)}}, walltime=3600)

        with Executor(endpoint_id=sys.argv[1]) as executor:
            open_tasks = range(TASKS)
            for attempt in range(1 + RETRIES):
                futures = {i: executor.submit(cells, index=i) for i in open_tasks}
                results = {i: future.result() for i, future in futures.items()}
                failed = {i: r for i, r in results.items() if r.returncode not in (0, 75, 124)}
                if failed:
                    sys.exit("\n".join(f"task {i}: {r.stderr}" for i, r in failed.items()))
                open_tasks = [i for i, r in results.items() if r.returncode != 0]
                if not open_tasks:
                    break
        if open_tasks:
            sys.exit(f"tasks {open_tasks} are not done")
        print("all tasks are done; the report:  " + {{ScriptFacts.Python(facts.Report)}})

        """;

    // ShellFunction formats the text as str.format does: what an f-string takes, it takes too.
    static string Command(ScriptFacts facts) => ParslScript.Command(facts);
}
