namespace HeadTap.Jobs;

/// <summary>A program for Parsl: one bash_app a task.</summary>
static class ParslScript
{
    internal static string Text(ScriptFacts facts) => $$"""
        # {{facts.What}}. Run with: python FILE
        # Retries run a task again that ended with code 75 (interrupted); cells that are done are passed over.
        import parsl
        from parsl import bash_app
        from parsl.config import Config
        from parsl.executors import HighThroughputExecutor
        from parsl.providers import LocalProvider

        TASKS, LOGS = {{facts.Chunks.Count}}, {{ScriptFacts.Python(facts.Dir + "/logs")}}


        @bash_app
        def cells(index, stdout=None, stderr=None):
            return f{{Command(facts)}}


        if __name__ == "__main__":
            # Put the provider of your cluster in place of LocalProvider: SlurmProvider, PBSProProvider, ...
            with parsl.load(Config(executors=[HighThroughputExecutor(provider=LocalProvider())], retries=5)):
                futures = [cells(i, stdout=f"{LOGS}/{i}.out", stderr=f"{LOGS}/{i}.err") for i in range(TASKS)]
                failed = [i for i, future in enumerate(futures) if future.exception() is not None]
            if failed:
                raise SystemExit(f"tasks {failed} failed; see {LOGS}")
            print("all tasks are done; the report:  " + {{ScriptFacts.Python(facts.Report)}})

        """;

    /// <summary>The command of a task as the text of an f-string of Python, in which <c>{index}</c> is its
    /// number.</summary>
    internal static string Command(ScriptFacts facts)
    {
        string[] parts = [.. (facts.Begin.ReplaceLineEndings("; ") + "; exec " + facts.Program + " --cell \0"
            + facts.Chunk).Split('\0')];
        return ScriptFacts.Python(string.Join("{index}", parts.Select(part => part
            .Replace("{", "{{", StringComparison.Ordinal).Replace("}", "}}", StringComparison.Ordinal))));
    }
}
