"""Operations of CloudOps Orchestration Service."""
