namespace HeadTap.Jobs;

/// <summary>A job array of PBS Pro and OpenPBS.</summary>
static class PbsScript
{
    internal static string Text(ScriptFacts facts)
    {
        // An array of one task is refused there.
        bool array = facts.Chunks.Count > 1;
        return $$"""
            #!/bin/bash
            # {{facts.What}}. Submit with: qsub FILE
            # Submit it again for what was interrupted (exit code 75): cells that are done are passed over.
            # The report, after all tasks:  qsub -W depend=afterany:JOB REPORT, with in REPORT:
            #   {{facts.Report}}
            #PBS -N headtap-sweep
            {{(array ? $"#PBS -J 0-{facts.Chunks.Count - 1}" : "# one task: no array")}}
            #PBS -r y
            #PBS -l select=1:ncpus=4
            #PBS -l walltime=01:00:00
            #PBS -j oe
            #PBS -o {{facts.Dir}}/logs/
            {{facts.Begin}}
            exec {{facts.Program}} {{(array ? "--array" : "--cell 0")}}{{facts.Chunk}} --threads "${NCPUS:-0}"

            """;
    }
}
